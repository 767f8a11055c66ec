import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, listAll } from "../api";
import { time } from "../format";
import { useLoad } from "../load";
import { link } from "../route";
import { may, mayKeys } from "../session";
import { Badge, Button, Code, Dialog, Facts, LoadedView, Page, Table } from "../ui";

interface Row {
  sequence: number;
  timestamp: string;
  method: string | null;
  uri: string | null;
  request_body: string | null;
  user_id: string;
  user_type: string;
  response_status_code: number;
  resource_type: string;
  resource_id: string;
  action: string;
  client_ip: string | null;
  changes: string | null;
  request_id: string | null;
}

interface Thing {
  id: string;
  name?: string | null;
  slug?: string;
}

interface Known {
  name: string;
  /** Where the console shows it. */
  href: string | undefined;
}

/** What there is, by the ids that rows tell: as far as the key behind the session may list it. */
async function readKnown(): Promise<Map<string, Known>> {
  const lists: [string, boolean, ((thing: Thing) => string) | undefined][] = [
    ["/api-keys", mayKeys("list"), mayKeys("read") ? (thing) => link("keys", thing.id) : undefined],
    ["/providers", may("providers.list", "virtual_keys.list"), may("providers.read") ? (thing) => link("providers", thing.slug ?? thing.id) : undefined],
    ["/configs", may("configs.list"), may("configs.read") ? (thing) => link("configs", thing.slug ?? thing.id) : undefined],
    ["/integrations", may("organisation_integrations.list", "workspace_integrations.list"), undefined],
    ["/admin/workspaces", may("workspaces.list"), undefined],
  ];
  const known = new Map<string, Known>();
  await Promise.all(
    lists.map(async ([path, isOpen, href]) => {
      // Names are a help: a list that can't be had leaves ids.
      const things = isOpen ? (await listAll<Thing>(path).catch(() => ({ data: [] }))).data : [];
      for (const thing of things) known.set(thing.id, { name: thing.name || thing.slug || thing.id, href: href?.(thing) });
    }),
  );
  return known;
}

/** The name that a row's own texts tell of its thing, which may be gone. */
function nameIn(row: Row): string | undefined {
  const { name } = objectOf(row.changes) as { name?: { after?: unknown; before?: unknown } };
  const found = name?.after ?? name?.before ?? objectOf(row.request_body)["name"];
  return typeof found === "string" ? found : undefined;
}

function objectOf(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** A thing by its name, with its id for who looks closer; by its id where nobody knows the name. */
function Named(props: { id: string; known: Known | undefined; name?: string | undefined }): JSX.Element {
  const { id, known } = props;
  const name = known?.name ?? props.name;
  if (name === undefined) return <code>{id}</code>;
  return <span title={id}>{known?.href ? <a href={known.href}>{name}</a> : name}</span>;
}

export function Audit(): JSX.Element {
  const [page, setPage] = useState(0);
  const [open, setOpen] = useState<Row>();
  const loaded = useLoad(() => get<{ total: number; records: Row[] }>("/audit-logs", { current_page: page }), [page]);
  // A page of rows may tell of things that are new.
  const known = useLoad(readKnown, [page]).data ?? new Map<string, Known>();
  return (
    <Page title="Audit" lead="Who changed what. Each row holds the hash of the row before it: penstock audit verify.">
      <LoadedView loaded={loaded}>
        {({ total, records }) => (
          <>
            <Table
              caption="Audit log"
              rows={records}
              id={(row) => String(row.sequence)}
              columns={[
                {
                  name: "When",
                  short: true,
                  cell: (row) => (
                    <button type="button" class="sort strong" onClick={() => setOpen(row)}>
                      {time(row.timestamp)}
                    </button>
                  ),
                },
                {
                  name: "Who",
                  cell: (row) =>
                    row.user_type === "api_key" ? (
                      <Named id={row.user_id} known={known.get(row.user_id)} />
                    ) : (
                      <span class="word">{row.user_type.replaceAll("_", " ")}</span>
                    ),
                },
                { name: "Did", short: true, cell: (row) => `${row.action} ${row.resource_type}`.replace(/[_-]/g, " ") },
                { name: "To", cell: (row) => <Named id={row.resource_id} known={known.get(row.resource_id)} name={nameIn(row)} /> },
                { name: "From", short: true, cell: (row) => row.client_ip ?? "–" },
                {
                  name: "Status",
                  cell: (row) => (
                    <Badge text={String(row.response_status_code)} tone={row.response_status_code < 300 ? "good" : "bad"} />
                  ),
                },
              ]}
            />
            <div class="row">
              <Button disabled={page === 0} onClick={() => setPage(page - 1)}>
                Newer
              </Button>
              <Button disabled={(page + 1) * 100 >= total} onClick={() => setPage(page + 1)}>
                Older
              </Button>
              <span class="hint" role="status">
                {total} rows
              </span>
            </div>
          </>
        )}
      </LoadedView>
      {open && (
        <Dialog title={`Row ${open.sequence}`} onClose={() => setOpen(undefined)} wide>
          <div class="form">
            <Facts
              facts={[
                ["When", time(open.timestamp)],
                ["Who", <>{open.user_type.replaceAll("_", " ")} <Named id={open.user_id} known={known.get(open.user_id)} /> <code>{open.user_id}</code></>],
                ["To", <>{open.resource_type.replaceAll("_", " ")} <Named id={open.resource_id} known={known.get(open.resource_id)} name={nameIn(open)} /> <code>{open.resource_id}</code></>],
                ["Call", `${open.method ?? ""} ${open.uri ?? ""}`],
                ["Request", <code>{open.request_id}</code>],
              ]}
            />
            {open.changes && <Code label="Changes" text={pretty(open.changes)} />}
            {open.request_body && <Code label="Body" text={pretty(open.request_body)} />}
          </div>
        </Dialog>
      )}
    </Page>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
