// The bare Worker: the most a JavaScript Worker can do here. It reads the body
// and returns, as a constant, the bytes of our answer to list_models.
const HEADERS = { "content-type": "application/json" };

export default {
  async fetch(request) {
    if (request.method !== "POST") {
      return new Response("ok");
    }
    await request.text();
    return new Response(BENCH_BARE_BODY, { headers: HEADERS });
  },
};
