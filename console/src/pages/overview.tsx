import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { asQuery, get } from "../api";
import { Chart } from "../chart";
import { ago, cents, compact, count, duration, percent } from "../format";
import { csv, save } from "../files";
import { useAction, useLoad } from "../load";
import { asAddress, before, between, periodOf, PeriodFields } from "../period";
import { link, type Place, show } from "../route";
import { may } from "../session";
import { Button, Facts, Failure, LoadedView, Page, SelectField, Section, Table } from "../ui";
import { StatusBadge } from "./requests";

interface Summary {
  requests: number;
  errors: number;
  error_rate: number;
  cost: number;
  tokens: number;
  input_tokens: number;
  output_tokens: number;
  avg_latency: number | null;
  p50: number | null;
  p90: number | null;
  p99: number | null;
  avg_time_to_first_token: number | null;
  cache_hits: number;
  cache_savings: number;
}

type Point = { timestamp: string } & Record<string, number | null | string>;
interface Graph {
  data_points: Point[];
}

interface Group {
  requests: number;
  errors?: number;
  cost: number;
  tokens?: number;
  avg_tokens: number;
  avg_latency?: number;
  last_seen: string | null;
  [name: string]: unknown;
}

const WHAT = "analytics";
const REFRESH = 15;
const GROUPS = [
  ["ai-models", "model", "ai_model", "models"],
  ["providers", "provider", "provider", "providers"],
  ["api-keys", "key", "api_key", "api_key_ids"],
  ["users", "user", "user", "_user"],
  ["metadata/team", "team", "metadata_value", "team"],
  ["status-codes", "status", "status_code", "status_code"],
] as const;

const graph = (name: string, query: Record<string, string>): Promise<Graph> => get<Graph>(`/analytics/graphs/${name}`, query);

export function Overview(props: { place: Place }): JSX.Element {
  const period = periodOf(props.place.query, "24h");
  const loaded = useLoad(
    async () => {
      const query = between(period);
      const [summary, earlier, requests, errors, cost, tokens, first, latency] = await Promise.all([
        get<{ summary: Summary }>("/analytics/summary/overview", query),
        get<{ summary: Summary }>("/analytics/summary/overview", before(query)),
        graph("requests", query),
        graph("errors", query),
        graph("cost", query),
        graph("tokens", query),
        graph("time-to-first-token", query),
        graph("latency", query),
      ]);
      return { summary: summary.summary, earlier: earlier.summary, requests, errors, cost, tokens, first, latency };
    },
    [JSON.stringify(period)],
    REFRESH,
  );
  return (
    <Page title="Overview" lead={`What the gateway serves. Looked at every ${REFRESH} seconds.`}>
      <div class="filters">
        <PeriodFields period={period} onChange={(when) => show("overview" + asQuery(asAddress(when)))} />
      </div>
      <LoadedView loaded={loaded} what={WHAT}>
        {({ summary, earlier, requests, errors, cost, tokens, first, latency }) => (
          <>
            <Tiles summary={summary} earlier={earlier} period={asAddress(period)} />
            <div class="columns charts">
              <Chart
                title="Requests"
                bars
                whole
                times={times(requests)}
                series={[{ name: "requests", values: values(requests, "total") }]}
                format={compact}
              />
              <Chart
                title="Errors"
                bars
                whole
                colour="--bad"
                times={times(errors)}
                series={[{ name: "errors", values: values(errors, "total") }]}
                format={compact}
              />
              <Chart title="Cost" bars times={times(cost)} series={[{ name: "cost", values: values(cost, "total") }]} format={cents} />
              <Chart title="Tokens" bars whole times={times(tokens)} series={[{ name: "tokens", values: values(tokens, "total") }]} format={compact} />
              <Chart
                title="Time to first token"
                times={times(first)}
                series={[{ name: "average", values: averages(first, "avg") }]}
                format={duration}
              />
              <Chart
                title="Latency"
                times={times(latency)}
                series={["p50", "p90", "p99"].map((name) => ({ name, values: averages(latency, name) }))}
                format={duration}
              />
            </div>
            <Failures query={between(period)} period={JSON.stringify(period)} />
            <Guards query={between(period)} period={JSON.stringify(period)} />
            <Groups query={between(period)} period={JSON.stringify(period)} when={asAddress(period)} />
          </>
        )}
      </LoadedView>
    </Page>
  );
}

const times = (from: Graph): number[] => from.data_points.map((each) => Date.parse(each.timestamp));
const values = (from: Graph, name: string): (number | null)[] => from.data_points.map((each) => (each[name] as number | null) ?? null);
/** Averages: a bucket without requests has 0, which is none. */
const averages = (from: Graph, name: string): (number | null)[] => values(from, name).map((each) => each || null);

function Tiles(props: { summary: Summary; earlier: Summary; period: Record<string, string> }): JSX.Element {
  const { summary, earlier, period } = props;
  const withChange = (name: keyof Summary, told: (value: number | null) => string, isBadUp = false): JSX.Element => (
    <>
      {told(summary[name])} <Change now={summary[name]} then={earlier[name]} told={told} isBadUp={isBadUp} />
    </>
  );
  const orNone = (value: number | null): string => duration(value || null);
  const failed = `${link("requests")}${asQuery({ is_success: "false", ...period })}`;
  const errors = `${compact(summary.errors)} (${percent(summary.error_rate)})`;
  return (
    <div class="tiles">
      <Facts
        facts={[
          ["Requests", withChange("requests", compact)],
          [
            "Errors",
            <>
              {may("logs.list") && summary.errors ? <a href={failed}>{errors}</a> : errors}{" "}
              <Change now={summary.errors} then={earlier.errors} told={compact} isBadUp />
            </>,
          ],
          ["Cost", withChange("cost", cents)],
          ["Tokens in", withChange("input_tokens", compact)],
          ["Tokens out", withChange("output_tokens", compact)],
          ["First token", withChange("avg_time_to_first_token", orNone, true)],
          ["Median", withChange("p50", orNone, true)],
          ["p99", withChange("p99", orNone, true)],
          ["Cache hits", withChange("cache_hits", compact)],
          ["Saved by it", withChange("cache_savings", cents)],
        ]}
      />
      {earlier.requests > 0 && <p class="hint">Percentages compare with the period before, which is as long.</p>}
    </div>
  );
}

const SMALL = 0.5;

/** How a figure differs from that of the period before; nothing where that had none. */
function Change(props: {
  now: number | null;
  then: number | null;
  told: (value: number | null) => string;
  isBadUp: boolean;
}): JSX.Element | null {
  const { now, then } = props;
  if (!then || now === null) return null;
  const share = (100 * (now - then)) / then;
  const isBad = props.isBadUp && share >= 10;
  const text = Math.abs(share) < SMALL ? "±0 %" : `${share > 0 ? "+" : "−"}${count(Math.abs(share))} %`;
  return (
    <span class={isBad ? "change worse" : "change"} title={`the period before: ${props.told(then)}`}>
      {text}
    </span>
  );
}

interface FailureRow {
  error: string | null;
  provider: string | null;
  status_code: number;
  requests: number;
  share: number;
  last_id: string;
  last_seen: string;
}

/** Why requests failed; nothing where none did. */
function Failures(props: { query: Record<string, string>; period: string }): JSX.Element | null {
  const loaded = useLoad(
    () => get<{ requests: number; data: FailureRow[] }>("/analytics/failures", props.query),
    [props.period],
    REFRESH,
  );
  const found = loaded.data;
  if (!found || found.data.length === 0) return null;
  return (
    <Section title="Why requests failed" hint={`of the latest ${count(found.requests)} requests`}>
      <Table
        caption="Why requests failed"
        rows={found.data}
        id={(each) => `${each.error} ${each.provider} ${each.status_code}`}
        empty={<p>None.</p>}
        columns={[
          {
            name: "Error",
            cell: (each) => <StatusBadge status={each.status_code} error={each.error} />,
            sort: (each) => each.error ?? "",
          },
          { name: "Provider", cell: (each) => each.provider ?? "none was called", sort: (each) => each.provider ?? "" },
          { name: "Requests", number: true, cell: (each) => `${count(each.requests)} (${percent(each.share)})`, sort: (each) => each.requests },
          {
            name: "Latest",
            cell: (each) => (may("logs.view", "logs.read") ? <a href={link("requests", each.last_id)}>{ago(each.last_seen)}</a> : ago(each.last_seen)),
            sort: (each) => each.last_seen,
          },
        ]}
      />
    </Section>
  );
}

interface GuardRow {
  check: string;
  denied: number;
  denied_share: number;
  failed: number;
  errors: number;
  shadow: number;
  unread: number;
}

/** The share of denials by check; nothing where no guard had anything to say. */
function Guards(props: { query: Record<string, string>; period: string }): JSX.Element | null {
  const loaded = useLoad(
    () => get<{ requests: number; data: GuardRow[] }>("/analytics/guards", props.query),
    [props.period],
    REFRESH,
  );
  const found = loaded.data;
  if (!found || found.data.length === 0) return null;
  return (
    <Section title="Guards" hint={`checks that did not simply pass, of the latest ${count(found.requests)} requests`}>
      <Table
        caption="Guards"
        rows={found.data}
        id={(each) => each.check}
        empty={<p>None.</p>}
        columns={[
          { name: "Check", cell: (each) => <code>{each.check}</code>, sort: (each) => each.check },
          { name: "Denied", number: true, cell: (each) => `${count(each.denied)} (${percent(each.denied_share)})`, sort: (each) => each.denied },
          { name: "Failed", number: true, cell: (each) => count(each.failed), sort: (each) => each.failed },
          { name: "Errors", number: true, cell: (each) => count(each.errors), sort: (each) => each.errors },
          { name: "Shadow", number: true, cell: (each) => count(each.shadow), sort: (each) => each.shadow },
          { name: "Unread", number: true, cell: (each) => count(each.unread), sort: (each) => each.unread },
        ]}
      />
    </Section>
  );
}

const FIGURES = ["requests", "errors", "cost", "tokens", "avg_latency", "last_seen"] as const;

/** Keep all groups of a period in a file: cost in cents, latency in milliseconds. */
async function saveGroups(path: string, name: string, member: string, query: Record<string, string>): Promise<void> {
  const rows: unknown[][] = [[name, ...FIGURES]];
  for (let page = 0, left = true; left; page++) {
    const found = await get<{ total: number; data: Group[] }>(`/analytics/groups/${path}`, { ...query, page_size: 1000, current_page: page });
    rows.push(...found.data.map((each) => [each[`${member}_name`] ?? each[member], ...FIGURES.map((figure) => each[figure])]));
    left = found.data.length > 0 && rows.length <= found.total && page < 100;
  }
  save(`penstock-${name}s.csv`, csv(rows));
}

/** The filter of the request log for one group: a member of the metadata, or what has a filter of its own. */
const filterOf = (name: string, value: string): Record<string, string> =>
  name === "_user" || name === "team" ? { metadata: JSON.stringify({ [name]: value }) } : { [name]: value };

function Groups(props: {
  query: Record<string, string>;
  period: string;
  when: Record<string, string>;
}): JSX.Element {
  const [by, setBy] = useState<string>(GROUPS[0][0]);
  const [path, name, member, filter] = GROUPS.find((each) => each[0] === by) ?? GROUPS[0];
  const action = useAction();
  const loaded = useLoad(
    () => get<{ total: number; data: Group[] }>(`/analytics/groups/${path}`, { ...props.query, page_size: 50 }),
    [by, props.period],
    REFRESH,
  );
  return (
    <Section title={`By ${name}`}>
      <div class="filters">
        <SelectField label="Grouped by" value={by} onValue={setBy} options={GROUPS.map((each) => [each[0], each[1]] as const)} />
        <Button onClick={() => void action.run(() => saveGroups(path, name, member, props.query))} disabled={action.isBusy}>
          Download CSV
        </Button>
        <Failure error={action.error} />
      </div>
      <LoadedView loaded={loaded} what={WHAT}>
        {(groups) => (
          <Table
            caption={`By ${name}`}
            rows={groups.data}
            id={(each) => String(each[member])}
            empty={<p>No requests in this period.</p>}
            columns={[
              {
                name: name[0]?.toUpperCase() + name.slice(1),
                cell: (each) => {
                  const value = String(each[`${member}_name`] ?? each[member] ?? "–");
                  if (!may("logs.list") || each[member] == null) return value;
                  return <a href={link("requests") + asQuery({ ...filterOf(filter, String(each[member])), ...props.when })}>{value}</a>;
                },
                sort: (each) => String(each[`${member}_name`] ?? each[member] ?? ""),
              },
              { name: "Requests", number: true, cell: (each) => count(each.requests), sort: (each) => each.requests },
              { name: "Errors", number: true, cell: (each) => count(each.errors), sort: (each) => each.errors ?? 0 },
              { name: "Cost", number: true, cell: (each) => cents(each.cost), sort: (each) => each.cost },
              { name: "Tokens", number: true, cell: (each) => compact(each.tokens ?? each.avg_tokens * each.requests), sort: (each) => each.tokens ?? 0 },
              { name: "Latency", number: true, cell: (each) => duration(each.avg_latency), sort: (each) => each.avg_latency ?? 0 },
              { name: "Last seen", short: true, cell: (each) => ago(each.last_seen), sort: (each) => each.last_seen ?? "" },
            ]}
          />
        )}
      </LoadedView>
    </Section>
  );
}
