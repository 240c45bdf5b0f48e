// fal's platform API, as far as a gateway needs it: prices, the requests of an endpoint, what each of them cost.
import { priceOf } from "./fal-models.mjs";

const IDS_MAX = 50;
const PAGE = 50;
const PAGE_MAX = 100;
const DAY_MS = 24 * 3600 * 1000;

export function platform(up) {
  up.route("GET", /^\/v1\/models\/pricing$/, "pricing", pricing);
  up.route("GET", /^\/v1\/models\/requests\/by-endpoint$/, "list", (call) => requests(up, call));
  up.route("GET", /^\/v1\/models\/billing-events$/, "billing", (call) => billingEvents(up, call));
}

function refuse(status, type, message) {
  return { status, body: { error: { type, message } } };
}

function several(query, name) {
  return query.getAll(name).flatMap((value) => value.split(",")).filter(Boolean);
}

function pricing(call) {
  const ids = several(call.query, "endpoint_id");
  if (ids.length < 1 || ids.length > IDS_MAX) return refuse(400, "validation_error", "endpoint_id: expected 1 to 50 endpoint IDs");
  if (ids.some((id) => id.startsWith("no-such"))) return refuse(404, "not_found", "Endpoint not found");
  return { body: { prices: ids.map(priceOf), next_cursor: null, has_more: false } };
}

function window_(query, otherwise) {
  const start = query.has("start") ? Date.parse(query.get("start")) : Date.now() - otherwise;
  const end = query.has("end") ? Date.parse(query.get("end")) : Date.now() + 1;
  return { start, end, isWrong: Number.isNaN(start) || Number.isNaN(end) };
}

// The cursor is the number of the page, in base64.
function page(query, items) {
  const limit = Math.min(Number(query.get("limit") ?? PAGE), PAGE_MAX);
  const number = query.has("cursor") ? Number(Buffer.from(query.get("cursor"), "base64").toString()) : 1;
  const rest = items.length > number * limit;
  const next_cursor = rest ? Buffer.from(String(number + 1)).toString("base64") : null;
  return { items: items.slice((number - 1) * limit, number * limit), next_cursor, has_more: rest };
}

const iso = (at) => new Date(at).toISOString();

function kindOf(status) {
  if (status === undefined) return undefined;
  if (status < 400) return "success";
  return status < 500 ? "user_error" : "error";
}

// A request is listed once a runner has it: the published shape wants the time it started. The callback's address is
// not among the fields.
function requests(up, call) {
  const { query } = call;
  const ids = several(query, "endpoint_id");
  if (ids.length < 1 || ids.length > IDS_MAX) return refuse(400, "validation_error", "endpoint_id: expected 1 to 50 endpoint IDs");
  const wanted = query.get("request_id");
  const { start, end, isWrong } = window_(query, wanted ? 90 * DAY_MS : DAY_MS);
  if (isWrong) return refuse(400, "validation_error", "start, end: expected ISO 8601");
  const withPayloads = several(query, "expand").includes("payloads");
  const found = up.jobs
    .filter((job) => ids.includes(job.endpoint) && job.startedAt !== undefined)
    .filter((job) => (wanted ? job.id === wanted : true) && (job.endedAt ?? Date.now()) >= start && (job.endedAt ?? start) < end)
    .filter((job) => !query.has("status") || kindOf(job.result?.status) === query.get("status"))
    .sort((a, b) => (b.endedAt ?? Number.POSITIVE_INFINITY) - (a.endedAt ?? Number.POSITIVE_INFINITY) || 0);
  const { items, ...cursor } = page(query, found);
  return { body: { items: items.map((job) => entry(job, withPayloads)), ...cursor } };
}

function entry(job, withPayloads) {
  return {
    request_id: job.id,
    endpoint_id: job.endpoint,
    sent_at: iso(job.createdAt),
    started_at: iso(job.startedAt),
    ended_at: job.endedAt ? iso(job.endedAt) : null,
    status_code: job.result?.status ?? null,
    duration: job.endedAt ? (job.endedAt - job.createdAt) / 1000 : null,
    ...(withPayloads && { json_input: job.input, json_output: job.result?.body ?? null }),
  };
}

function billingEvents(up, call) {
  if (call.headers.authorization !== `Key ${up.adminKey}`) return refuse(403, "authorization_error", "An admin API key is required");
  const { query } = call;
  const [ids, endpoints] = [several(query, "request_id"), several(query, "endpoint_id")];
  const fits = (list, value) => list.length === 0 || list.includes(value);
  const charged = up.jobs.filter((job) => job.charged > 0 && fits(ids, job.id) && fits(endpoints, job.endpoint)).reverse();
  const { items, ...cursor } = page(query, charged);
  const events = items.map((job) => ({
    request_id: job.id,
    endpoint_id: job.endpoint,
    timestamp: iso(job.endedAt),
    output_units: job.units,
    unit_price: priceOf(job.endpoint).unit_price,
    percent_discount: null,
    cost_subtotal: job.charged,
    cost_discount: 0,
    cost_total: job.charged,
    cost_estimate_nano_usd: Math.round(job.charged * 1e9),
  }));
  return { body: { billing_events: events, ...cursor } };
}
