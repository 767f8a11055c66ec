import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { address, asQuery, get, listAll } from "../api";
import { ago, cents, count, duration, time } from "../format";
import { useLoad } from "../load";
import { asAddress, between, type Period, periodOf, PeriodFields } from "../period";
import { go, link, type Place } from "../route";
import { may, mayKeys } from "../session";
import { asPairs, pairs } from "../text_lists";
import { Badge, Button, CheckField, LoadedView, Page, RowName, SelectField, Table, TextField } from "../ui";
import { OneRequest } from "./one_request";

export interface Row {
  id: string;
  created_at: string;
  api_key_id: string | null;
  api_key_name: string | null;
  trace_id: string;
  operation: string | null;
  request_method: string;
  request_url: string;
  ai_org: string | null;
  ai_model: string | null;
  virtual_key: string | null;
  config: string | null;
  response_status_code: number;
  is_success: boolean;
  error: string | null;
  error_message: string | null;
  response_time: number;
  time_to_first_token: number | null;
  stream_mode: number;
  cache_status: string | null;
  attempts: number;
  retry_success_count: number;
  is_fallback: boolean;
  req_units: number;
  res_units: number;
  total_units: number;
  cost: number | null;
  metadata: Record<string, string>;
}

interface Rows {
  data: Row[];
  has_more: boolean;
  next_cursor: string | null;
  searched_since: string | null;
}

/** The filters of the list by their names in the admin API, and what they are called here. */
const FILTERS = [
  ["trace_id", "Trace"],
  ["models", "Model"],
  ["providers", "Provider"],
  ["api_key_ids", "Key"],
  ["status_code", "Status"],
  ["metadata", "Metadata"],
  ["cost_min", "Cost from"],
] as const;
type Filters = Record<string, string>;

const HINTS: Record<string, string> = {
  status_code: "429, 5xx",
  metadata: "team=search",
  cost_min: "cents",
  models: "gpt-5-mini, …",
};
const WHAT = "request log";

interface Named {
  id: string;
  name: string;
}

/** The filters that an address tells: what it tells of the period is none. */
const filtersOf = (query: URLSearchParams): Filters =>
  Object.fromEntries([...query].filter(([name]) => !["period", "from", "to"].includes(name)));

/** Filters as people read them: a key by its name, metadata as `team=search, _user=u-17`. */
function asTyped(filters: Filters, keys: Named[]): Filters {
  const { api_key_ids = "", metadata = "", ...rest } = filters;
  const name = keys.find((each) => each.id === api_key_ids)?.name ?? api_key_ids;
  return { ...rest, ...(name && { api_key_ids: name }), ...(metadata && { metadata: metadataText(metadata) }) };
}

/** Filters as the admin API has them. */
function asQueried(filters: Filters, keys: Named[]): Filters {
  const { api_key_ids = "", metadata = "", ...rest } = filters;
  const ids = keys.filter((each) => each.name === api_key_ids).map((each) => each.id);
  return { ...rest, api_key_ids: ids.length ? ids.join(",") : api_key_ids, metadata: metadataJson(metadata) };
}

function metadataText(json: string): string {
  try {
    return asPairs(JSON.parse(json) as Record<string, unknown>).replaceAll("\n", ", ");
  } catch {
    return json;
  }
}

/** What is neither JSON nor pairs stays as it is: the gateway says that it can't be read. */
function metadataJson(text: string): string {
  if (text.trim() === "" || text.trim().startsWith("{")) return text;
  try {
    return JSON.stringify(pairs(text.replaceAll(",", "\n")));
  } catch {
    return text;
  }
}

let searched = "";
/** The address of the list as it was looked at last. */
export const lastSearch = (): string => link("requests") + searched;

export function Requests(props: { place: Place }): JSX.Element {
  return props.place.id ? <OneRequest key={props.place.id} id={props.place.id} /> : <AllRequests given={props.place.query} />;
}

/** A stream that broke off after its head has the status of an answer, and an error. */
const toneOf = (status: number, error?: string | null): string =>
  status >= 500 || (status < 400 && error) ? "bad" : status < 300 ? "good" : "warn";
export const StatusBadge = (props: { status: number; error?: string | null }): JSX.Element => (
  <Badge text={props.error ? `${props.status} ${props.error}` : String(props.status)} tone={toneOf(props.status, props.error)} />
);

function AllRequests(props: { given: URLSearchParams }): JSX.Element {
  const given = props.given.toString();
  searched = given && `?${given}`;
  const known = useLoad(async () => (mayKeys("list") ? (await listAll<Named>("/api-keys")).data : []), []);
  const keys = known.data ?? [];
  const filters = asTyped(filtersOf(props.given), keys);
  const period = periodOf(props.given, "7d");
  const [typed, setTyped] = useState<Filters>(filters);
  const [cursors, setCursors] = useState<string[]>([]);
  const [isLive, setLive] = useState(true);
  useEffect(() => {
    setTyped(filters);
    setCursors([]);
  }, [given]);
  useEffect(() => {
    // What was typed before the keys came stays.
    setTyped((before) => asTyped(before, keys));
  }, [known.data]);
  /** The search is a part of the address: it can be kept, handed on, and gone back to. */
  const search = (next: Filters, when: Period): void => {
    setCursors([]);
    go("requests" + asQuery({ ...asQueried(next, keys), ...asAddress(when) }));
  };
  const cursor = cursors.at(-1);
  // The period ends now: it is told anew with each look.
  const query = (): Filters => ({ ...between(period), ...asQueried(filters, keys) });
  const loaded = useLoad(
    async () => ({ ...(await get<Rows>("/logs", { ...query(), page_size: 50, cursor })), cursor }),
    [JSON.stringify([filters, asAddress(period), cursor])],
    isLive && cursor === undefined ? 2 : 0,
  );
  // The rows of a page stand until those of the next one come, and with them its cursor.
  const isTurning = loaded.data?.cursor !== cursor;
  const isError = filters["is_success"] === "false";
  return (
    <Page title="Requests" lead="What callers sent, newest first.">
      <form
        class="filters"
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          search(typed, period);
        }}
      >
        <PeriodFields period={period} onChange={(when) => search(typed, when)} />
        {FILTERS.map(([name, label]) => (
          <TextField
            key={name}
            label={label}
            value={typed[name] ?? ""}
            placeholder={HINTS[name] ?? ""}
            {...(name === "api_key_ids" ? { options: keys.map((each) => each.name).filter(Boolean) } : {})}
            onValue={(value) => setTyped({ ...typed, [name]: value })}
          />
        ))}
        <SelectField
          label="Outcome"
          value={typed["is_success"] ?? ""}
          onValue={(value) => {
            setTyped({ ...typed, is_success: value });
            search({ ...typed, is_success: value }, period);
          }}
          options={[
            ["", "any"],
            ["true", "answered"],
            ["false", "failed"],
          ]}
        />
        <Button type="submit" look="main">
          Search
        </Button>
        <CheckField label="Live" value={isLive} onValue={setLive} />
        <span class="hint" role="status">
          {cursor !== undefined ? "an older page stands still" : isLive ? "looked at every 2 seconds" : "stands still"}
        </span>
      </form>
      <LoadedView loaded={loaded} what={WHAT}>
        {(rows) => (
          <>
            <Table
              caption="Requests"
              isLean
              rows={rows.data}
              id={(row) => row.id}
              empty={<p>{nothing(rows, isError)}</p>}
              columns={[
                {
                  name: "When",
                  short: true,
                  cell: (row) => (
                    <span title={`${ago(row.created_at)}, ${row.created_at}`}>
                      <RowName to={may("logs.view", "logs.read") && link("requests", row.id)}>{time(row.created_at)}</RowName>
                    </span>
                  ),
                },
                { name: "Status", cell: (row) => <StatusBadge status={row.response_status_code} error={row.error} /> },
                {
                  name: "Model",
                  clip: true,
                  cell: (row) => (
                    <span title={row.ai_model ?? undefined}>
                      {row.ai_model ?? `${row.request_method} ${row.request_url}`} <span class="hint">{row.virtual_key ? `@${row.virtual_key}` : row.ai_org}</span>
                    </span>
                  ),
                },
                {
                  name: "Key",
                  clip: true,
                  cell: (row) => (
                    <span title={row.api_key_name ?? undefined}>
                      {row.api_key_name ?? "–"}
                    </span>
                  ),
                },
                {
                  name: "Attempts",
                  number: true,
                  cell: (row) => (
                    <>
                      {row.attempts}
                      {row.is_fallback && <span class="hint"> fallback</span>}
                      {row.cache_status === "HIT" && <span class="hint"> cached</span>}
                      {row.cache_status === "REPLAYED" && <span class="hint"> repeated</span>}
                    </>
                  ),
                },
                { name: "Tokens", number: true, cell: (row) => `${count(row.req_units)} / ${count(row.res_units)}` },
                { name: "Cost", number: true, cell: (row) => cents(row.cost) },
                { name: "Took", number: true, cell: (row) => duration(row.response_time) },
              ]}
            />
            {rows.searched_since && rows.data.length > 0 && (
              <p class="hint" role="status">Searched back to {time(rows.searched_since)}: earlier ones may follow.</p>
            )}
            <div class="row">
              <Button disabled={cursors.length === 0 || isTurning} onClick={() => setCursors(cursors.slice(0, -1))}>
                Newer
              </Button>
              <Button
                disabled={!rows.next_cursor || isTurning}
                onClick={() => rows.next_cursor && setCursors([...cursors, rows.next_cursor])}
              >
                {rows.searched_since ? "Search on" : "Older"}
              </Button>
              {may("logs.export") && <Files query={query()} />}
            </div>
          </>
        )}
      </LoadedView>
    </Page>
  );
}

/** What a page without rows says: whether there are none, or none as far back as it was searched. */
function nothing(rows: Rows, isError: boolean): string {
  if (rows.searched_since) {
    return `No such requests back to ${time(rows.searched_since)}. Search on for earlier ones.`;
  }
  return isError ? "Nothing failed." : "No requests in this period with these filters.";
}

/** The rows of the filters as files, the newest first. */
function Files(props: { query: Filters }): JSX.Element {
  return (
    <span class="files">
      {[
        ["csv", "CSV"],
        ["jsonl", "JSON lines"],
      ].map(([format, name]) => (
        <a
          key={format}
          class="button plain"
          download
          href={address("/v1/logs/download" + asQuery({ ...props.query, format }))}
        >
          Download {name}
        </a>
      ))}
    </span>
  );
}
