/** What the holder of a gateway key may know of it, from `GET /penstock/me`. The key stays in this tab's memory. */

import type { JSX } from "preact";
import { address, errorOf, send } from "../api";
import { amount, compact, due, dollars, time } from "../format";
import { useLoad } from "../load";
import { Bar, Button, Code, Facts, LoadedView, Page, Section, Table } from "../ui";

interface Limit {
  id: string;
  level: string;
  type: string;
  unit: string;
  tokens: string | null;
  window: { unit: string; days?: number; seconds?: number } | null;
  value: string;
  amount: number;
  used: number | null;
  reserved: number | null;
  remaining: number | null;
  resets_at: string | null;
}

interface Usage {
  since: string;
  requests: number;
  input_tokens: number;
  output_tokens: number;
  cost: number;
  unpriced_attempts: number;
}

export interface Holder {
  name: string;
  workspace: { name: string } | null;
  labels: Record<string, string>;
  expires_at: string | null;
  limits: Limit[];
  usage: { day: Usage; month: Usage } | null;
  models: { id: string; owned_by: string }[] | null;
}

/** What a key tells of itself. Throws an ApiError for one that is none. */
export async function readHolder(key: string): Promise<Holder> {
  const response = await send(address("/penstock/me"), { headers: { "x-portkey-api-key": key }, credentials: "omit" });
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as Holder;
}

export function Me(props: { apiKey: string; onLeave: () => void }): JSX.Element {
  const loaded = useLoad(() => readHolder(props.apiKey), [props.apiKey], 15);
  return (
    <main class="me" id="main">
      <LoadedView loaded={loaded}>
        {(holder) => (
          <Page
            title={holder.name}
            lead="Your gateway key: its limits, what it has used, and the models that it may call."
            actions={<Button onClick={props.onLeave}>Leave</Button>}
          >
            <Facts
              facts={[
                ["Workspace", holder.workspace?.name ?? "–"],
                ["Ends", holder.expires_at ? time(holder.expires_at) : "never"],
                ...Object.entries(holder.labels).map(([name, value]): [string, string] => [name, value]),
              ]}
            />
            <Section title="Limits" hint="a request must fit into all of them">
              {holder.limits.length === 0 ? (
                <p class="hint">Nothing limits this key.</p>
              ) : (
                <Table
                  caption="Limits"
                  rows={holder.limits}
                  id={(each) => each.id + each.value}
                  empty={<p />}
                  columns={[
                    { name: "Limit", cell: (each) => nameOf(each) },
                    { name: "Of", cell: (each) => LEVELS[each.level] ?? each.level },
                    { name: "Used", cell: (each) => <Used limit={each} /> },
                    { name: "Begins anew", short: true, cell: (each) => (each.resets_at ? due(each.resets_at) : "–") },
                  ]}
                />
              )}
            </Section>
            {holder.usage && (
              <div class="columns">
                <UsageOf title="Today" usage={holder.usage.day} />
                <UsageOf title="This month" usage={holder.usage.month} />
              </div>
            )}
            <Section title="Models">
              {holder.models === null ? (
                <p class="hint">The list of models can't be had now.</p>
              ) : (
                <Table
                  caption="Models"
                  rows={holder.models}
                  id={(each) => each.id}
                  empty={<p>No model can be called by this key alone.</p>}
                  columns={[
                    { name: "Model", cell: (each) => <code>{each.id}</code>, sort: (each) => each.id },
                    { name: "Provider", cell: (each) => each.owned_by, sort: (each) => each.owned_by },
                  ]}
                />
              )}
            </Section>
            <Section title="A first request">
              <Code label="curl" text={firstRequest(holder.models?.[0]?.id ?? "MODEL")} />
            </Section>
          </Page>
        )}
      </LoadedView>
    </main>
  );
}

const LEVELS: Record<string, string> = {
  api_key: "this key",
  workspace: "its workspace",
  organisation: "everybody",
  policy: "a policy",
};

/** Windows that have a name, by their seconds. */
const LENGTHS: Record<number, string> = { 1: "a second", 60: "a minute", 3600: "an hour", 86_400: "in 24 hours", 604_800: "in 7 days" };

function nameOf(limit: Limit): string {
  const kind = limit.tokens && limit.tokens !== "all" ? `${limit.tokens} tokens` : limit.type === "cost" ? "dollars" : limit.type;
  if (limit.type === "concurrency") return "requests at a time";
  const window = limit.window;
  if (!window || window.unit === "lifetime") return `${kind} in all`;
  if (window.unit === "days") return `${kind} in ${window.days} days`;
  if (window.unit !== "seconds") return `${kind} a ${window.unit}`;
  return `${kind} ${LENGTHS[window.seconds ?? 0] ?? `in ${window.seconds} s`}`;
}

function Used(props: { limit: Limit }): JSX.Element {
  const { limit } = props;
  if (limit.used === null) return <span class="hint">at most {amount(limit.type, limit.amount)}</span>;
  const told = `${amount(limit.type, limit.used)} of ${amount(limit.type, limit.amount)}`;
  return (
    <div class="budget">
      <Bar used={limit.used} reserved={limit.reserved ?? 0} limit={limit.amount} label={told} />
      <span class="budget-text">{told}</span>
    </div>
  );
}

function UsageOf(props: { title: string; usage: Usage }): JSX.Element {
  const { usage } = props;
  return (
    <Section title={props.title}>
      <Facts
        facts={[
          ["Requests", compact(usage.requests)],
          ["Tokens", `${compact(usage.input_tokens)} in, ${compact(usage.output_tokens)} out`],
          ["Cost", dollars(usage.cost) + (usage.unpriced_attempts ? `, and ${usage.unpriced_attempts} calls without a price` : "")],
        ]}
      />
    </Section>
  );
}

function firstRequest(model: string): string {
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "Hello!" }] });
  return `curl ${address("/v1/chat/completions")} \\\n  -H "authorization: Bearer $KEY" \\\n  -H 'content-type: application/json' \\\n  -d '${body}'`;
}
