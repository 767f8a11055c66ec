import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get } from "../api";
import { time } from "../format";
import { useLoad } from "../load";
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

export function Audit(): JSX.Element {
  const [page, setPage] = useState(0);
  const [open, setOpen] = useState<Row>();
  const loaded = useLoad(() => get<{ total: number; records: Row[] }>("/audit-logs", { current_page: page }), [page]);
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
                { name: "Who", cell: (row) => <code>{row.user_type === "api_key" ? row.user_id : row.user_type}</code> },
                { name: "Did", cell: (row) => `${row.action.replaceAll("_", " ")} ${row.resource_type.replaceAll("_", " ")}` },
                { name: "To", cell: (row) => <code>{row.resource_id}</code> },
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
                ["Who", `${open.user_type} ${open.user_id}`],
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
