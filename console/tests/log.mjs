// A request log as docs/request-log.md describes its answers, in place of the gateway's: figures that stay the same.

const BEGIN = Date.parse("2026-11-28T12:00:00Z");
const point = (index, members) => ({ timestamp: new Date(BEGIN + index * 3_600_000).toISOString(), ...members });
const wave = (index, size) => Math.round(size * (1.2 + Math.sin(index / 3.5) + (index % 5) / 10));

const GRAPHS = {
  requests: (index) => ({ total: wave(index, 120) }),
  errors: (index) => ({ total: index % 6 === 0 ? 9 : 1 }),
  cost: (index) => ({ total: wave(index, 240), avg: 2 }),
  tokens: (index) => ({ total: wave(index, 48_000), avg: 400 }),
  "time-to-first-token": (index) => ({ avg: 180 + wave(index, 40) }),
  latency: (index) => ({ avg: 900, p50: 640 + wave(index, 60), p90: 1500 + wave(index, 120), p99: 2600 + wave(index, 300) }),
};

const SUMMARY = {
  requests: 3420, errors: 61, error_rate: 1.78, cost: 6840.25, tokens: 1_420_000, input_tokens: 1_080_000, output_tokens: 340_000,
  avg_latency: 910, p50: 702, p90: 1640, p99: 2900, avg_time_to_first_token: 226, cache_hits: 210, cache_savings: 402.5,
};

const GROUPS = [
  { ai_model: "gpt-5-mini", requests: 2100, errors: 12, cost: 3120, tokens: 900_000, avg_tokens: 428, avg_latency: 720, last_seen: "2026-11-29T11:00:00Z" },
  { ai_model: "claude-sonnet-5", requests: 1320, errors: 49, cost: 3720.25, tokens: 520_000, avg_tokens: 394, avg_latency: 1210, last_seen: "2026-11-29T11:00:00Z" },
];

const FAILURES = [
  { error: "rate_limited", provider: "openai", status_code: 429, requests: 58, share: 1.7, last_id: "log-7", last_seen: "2026-11-29T11:58:00Z" },
  { error: "upstream_truncated", provider: "anthropic", status_code: 502, requests: 3, share: 0.09, last_id: "log-9", last_seen: "2026-11-29T11:20:00Z" },
];

const row = (index, more = {}) => ({
  object: "log", id: `log-${index}`, created_at: new Date(BEGIN + index * 61_000).toISOString(), workspace_id: "w", api_key_id: "k", api_key_name: "search-team",
  trace_id: `trace-${index}`, source: "gateway", request_method: "POST", request_url: "/v1/chat/completions", operation: "chat.completions",
  ai_org: "openai", ai_model: "gpt-5-mini", virtual_key: "prod", config: "pc-main", response_status_code: 200, is_success: true, error: null,
  error_message: null, response_time: 812.4 + index, time_to_first_token: 240.1, upstream_response_time: 809.9, stream_mode: 1, cache_status: "MISS",
  attempts: 1, retry_success_count: 0, is_fallback: false, req_units: 210, res_units: 84, total_units: 294, cost: 2.31, cost_currency: "USD",
  metadata: { team: "search" }, has_content: false, ...more,
});

export const ROWS = [
  row(9, { attempts: 3, is_fallback: true, virtual_key: "backup", ai_org: "anthropic", ai_model: "claude-sonnet-5", response_time: 2140 }),
  row(8),
  row(7, { response_status_code: 429, is_success: false, error: "rate_limited", error_message: "Too many requests", cost: 0, res_units: 0 }),
  row(6, { cache_status: "HIT", response_time: 3.2, cost: 0 }),
  row(5),
];

const attempt = (number, more) => ({
  number, target: "config.targets[0]", provider: "openai", model: "gpt-5-mini", virtual_key: "prod", status: 200, error: null, error_message: null,
  began: 1.9, first_content: null, ended: 120.4, cache: "MISS", is_hedge_loser: false, req_units: 0, res_units: 0, cost: 0, ...more,
});

export const ENTRY = {
  object: "log", id: "log-9", created_at: ROWS[0].created_at,
  request: { url: "/v1/chat/completions", method: "POST", headers: {}, body: { model: "gpt-5-mini", messages: [{ role: "user", content: "What is a penstock?" }] } },
  response: { status: 200, headers: {}, body: "A pipe that leads water to a turbine." },
  metrics: { ...ROWS[0], metadata: undefined, "metadata.key": ["team"], "metadata.value": ["search"] },
  attempts: [
    attempt(1, { status: 429, error: "rate_limited", error_message: "Rate limit reached" }),
    attempt(2, { began: 620, ended: 980, status: 503, error: "upstream_error", error_message: "Overloaded" }),
    attempt(3, { target: "config.targets[1]", provider: "anthropic", virtual_key: "backup", model: "claude-sonnet-5", began: 985, first_content: 1290, ended: 2138, req_units: 210, res_units: 84, cost: 2.31 }),
  ],
  tokens: { input: 210, output: 84, cached: 0 }, dropped_parameters: ["logit_bias"], labels: { team: "search" },
  client: { address: "10.0.0.7", user_agent: "OpenAI/Python 2.1" }, has_content: true, is_truncated: false, feedback: [],
};

/** Answer the page's calls of the request log. `queries` gets the query of each list. */
export async function stubLog(page, queries = []) {
  const answer = (route, body) => route.fulfill({ contentType: "application/json", body: JSON.stringify(body) });
  await page.route("**/v1/analytics/**", (route) => {
    const path = new URL(route.request().url()).pathname.split("/v1/analytics/")[1];
    if (path === "summary/overview") return answer(route, { object: "analytics-summary", summary: SUMMARY });
    if (path.startsWith("groups/")) return answer(route, { object: "list", total: 2, data: GROUPS });
    if (path === "failures") return answer(route, { object: "list", requests: 3420, data: FAILURES });
    if (path === "guards") return answer(route, { object: "list", requests: 5, data: [{ check: "default.contains", denied: 1, denied_share: 20, failed: 0, errors: 0, shadow: 0, unread: 0 }] });
    const graph = GRAPHS[path.replace("graphs/", "")];
    return answer(route, { object: "analytics-graph", summary: {}, data_points: Array.from({ length: 24 }, (_, index) => point(index, graph(index))) });
  });
  await page.route(/\/v1\/logs(\/|\?|$)/, (route) => {
    const url = new URL(route.request().url());
    if (url.pathname.endsWith("/log-9")) return answer(route, ENTRY);
    queries.push(url.searchParams);
    const isFailed = url.searchParams.get("is_success") === "false";
    const isSecond = url.searchParams.has("cursor");
    if (url.searchParams.get("metadata")?.includes("rare") && !isSecond) {
      const since = "2026-11-20T10:00:00.000Z";
      return answer(route, { object: "list", data: [], has_more: true, next_cursor: "next", searched_since: since });
    }
    const data = isFailed ? ROWS.filter((each) => !each.is_success) : isSecond ? [row(1)] : ROWS;
    return answer(route, { object: "list", data, has_more: !isSecond, next_cursor: isSecond ? null : "next" });
  });
}
