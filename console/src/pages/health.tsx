import type { JSX } from "preact";
import { address, asQuery, errorOf, send } from "../api";
import { count, dollars } from "../format";
import { useLoad } from "../load";
import { link } from "../route";
import { may, session } from "../session";
import { Badge, Facts, LoadedView, Page, Section, Table } from "../ui";

interface HealthAnswer {
  status: string;
  database?: string;
  redis?: string;
  unusable_rows?: number;
  state?: Record<string, string>;
  [more: string]: unknown;
}

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** The samples of a page in Prometheus's text format. */
export function samplesOf(text: string): Sample[] {
  const found: Sample[] = [];
  for (const line of text.split("\n")) {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)/.exec(line);
    if (!parts || line.startsWith("#")) continue;
    const labels: Record<string, string> = {};
    for (const pair of (parts[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[pair[1] ?? ""] = (pair[2] ?? "").replace(/\\(.)/g, (_, each: string) => (each === "n" ? "\n" : each));
    }
    found.push({ name: parts[1] ?? "", labels, value: Number(parts[3]) });
  }
  return found;
}

async function read(): Promise<{ health: HealthAnswer | null; samples: Sample[]; metrics: string }> {
  if (!session().has_gateway) {
    return { health: null, samples: [], metrics: "The admin API has a port of its own here: /health and /metrics are on the gateway's." };
  }
  const health = await send(address("/health"));
  const page = await send(address("/metrics"));
  const told = page.ok ? "" : (await errorOf(page)).message;
  return {
    health: (await health.json()) as HealthAnswer,
    samples: page.ok ? samplesOf(await page.text()) : [],
    metrics: told,
  };
}

export function Health(): JSX.Element {
  const loaded = useLoad(read, [], 5);
  return (
    <Page title="Health" lead="This gateway now. Looked at every five seconds.">
      <LoadedView loaded={loaded}>
        {({ health, samples, metrics }) => (
          <>
            <Broken samples={samples.filter((each) => each.name === "penstock_broken_circuits" && each.value > 0)} />
            {health && <Stores health={health} />}
            {metrics ? <p class="notice">{metrics}</p> : <Figures samples={samples} />}
          </>
        )}
      </LoadedView>
    </Page>
  );
}

function Stores(props: { health: HealthAnswer }): JSX.Element {
  const { status, state, ...rest } = props.health;
  return (
    <Section title="Stores">
      <Facts
        facts={[
          ["Gateway", <Badge text={status} />],
          ["Database", <Badge text={String(rest.database ?? "ok")} />],
          ...Object.entries(rest)
            .filter(([name]) => name !== "database")
            .map(([name, value]) => [name.replaceAll("_", " "), <Badge text={String(value)} tone="bad" />] as [string, JSX.Element]),
        ]}
      />
      {state && (
        <Table
          caption="What is shared"
          rows={Object.entries(state)}
          id={([name]) => name}
          columns={[
            { name: "State", cell: ([name]) => name },
            { name: "Kept in", cell: ([, where]) => (where === "process" ? "each process" : where) },
          ]}
        />
      )}
    </Section>
  );
}

/** The search for requests to what a sample is about: without labels that stand for no name, or for many. */
const searchOf = ({ provider = "", model = "" }: Record<string, string>): Record<string, string> =>
  Object.fromEntries([["providers", provider], ["models", model]].filter(([, value]) => value !== "none" && value !== "other"));

/** The circuits that keep requests away, by what they keep them from. */
function Broken(props: { samples: Sample[] }): JSX.Element | null {
  if (props.samples.length === 0) return null;
  return (
    <Section title="Broken circuits" hint="requests go elsewhere, or are refused at once">
      <Table
        caption="Broken circuits"
        rows={[...props.samples].sort((one, other) => other.value - one.value)}
        id={(each) => Object.values(each.labels).join("/")}
        columns={[
          { name: "Provider", cell: (each) => each.labels["provider"] },
          { name: "Model", cell: (each) => each.labels["model"] },
          { name: "State", cell: (each) => <Badge text={(each.labels["state"] ?? "").replaceAll("_", " ")} tone={each.labels["state"] === "open" ? "bad" : "warn"} /> },
          { name: "Circuits", number: true, cell: (each) => count(each.value) },
          {
            name: "What failed",
            cell: (each) =>
              may("logs.list") && <a href={link("requests") + asQuery({ ...searchOf(each.labels), is_success: "false", period: "1h" })}>failed requests</a>,
          },
        ]}
      />
    </Section>
  );
}

function Figures(props: { samples: Sample[] }): JSX.Element {
  const sum = (name: string, labels: Record<string, string> = {}): number =>
    props.samples
      .filter((each) => each.name === name && Object.entries(labels).every(([label, value]) => each.labels[label] === value))
      .reduce((total, each) => total + each.value, 0);
  const lost = props.samples.filter((each) => each.name === "penstock_records_lost_total");
  const waiting = props.samples.filter((each) => each.name === "penstock_records_waiting");
  const circuits = (state: string): JSX.Element => {
    const number = sum("penstock_circuits", { state });
    return <Badge text={count(number)} tone={state === "closed" || number === 0 ? "good" : "bad"} />;
  };
  return (
    <>
      <div class="columns">
        <Section title="Circuits" hint="breakers of targets">
          <Facts
            facts={[
              ["Closed", circuits("closed")],
              ["Half open", circuits("half_open")],
              ["Open", circuits("open")],
            ]}
          />
        </Section>
        <Section title="Connections">
          <Facts
            facts={[
              ["Callers", count(sum("penstock_caller_connections"))],
              ["To providers, in use", count(sum("penstock_pool_connections", { state: "in_use" }))],
              ["Idle", count(sum("penstock_pool_connections", { state: "idle" }))],
              ["Waiting for one", count(sum("penstock_pool_waiting"))],
            ]}
          />
        </Section>
        <Section title="Process">
          <Facts
            facts={[
              ["Workers", count(sum("penstock_workers"))],
              ["Memory", `${count(sum("process_resident_memory_bytes") / (1 << 20))} MB`],
              ["Requests since start", count(sum("penstock_requests_total"))],
              ["Cost since start", dollars(sum("penstock_cost_dollars_total"))],
            ]}
          />
        </Section>
      </div>
      <Section title="Records" hint="of requests, on their way to their readers">
        <Table
          caption="Records"
          rows={[...new Set([...lost, ...waiting].map((each) => each.labels["reader"] ?? ""))]}
          id={(reader) => reader}
          empty={<p>No readers.</p>}
          columns={[
            { name: "Reader", cell: (reader) => reader.replaceAll("_", " ") },
            { name: "Waiting", number: true, cell: (reader) => count(sum("penstock_records_waiting", { reader })) },
            {
              name: "Lost",
              number: true,
              cell: (reader) => {
                const number = sum("penstock_records_lost_total", { reader });
                return <Badge text={count(number)} tone={number ? "bad" : "good"} />;
              },
            },
          ]}
        />
      </Section>
    </>
  );
}
