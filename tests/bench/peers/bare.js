// The bare Worker: the most a JavaScript Worker can do here. It reads the body
// and returns, as a constant, the bytes of our answer to list_models. A PUT it
// hands to object storage, which is what an upload is at least.
const HEADERS = { "content-type": "application/json" };

export default {
  async fetch(request, env) {
    if (request.method === "PUT") {
      const { size } = await env.MEDIA.put(new URL(request.url).pathname, request.body);
      return Response.json({ ok: true, bytes: size }, { headers: HEADERS });
    }
    if (request.method !== "POST") {
      return new Response("ok");
    }
    await request.text();
    return new Response(BENCH_BARE_BODY, { headers: HEADERS });
  },
};
