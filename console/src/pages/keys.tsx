import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, listAll, post, put, remove } from "../api";
import { type Budget, BudgetBar, readBudgets, ResetUsage } from "../budgets";
import { changed, forgetDrafts, useDraft } from "../draft";
import { ago, count, time } from "../format";
import { inWords, type Limited } from "../limits";
import { useAction, useLoad } from "../load";
import { goLater, link } from "../route";
import { may, mayKeys } from "../session";
import { Badge, Button, Confirm, Dialog, Facts, Failure, Form, LoadedView, Opens, Page, RowName, Section, SelectField, Table } from "../ui";
import { bodyOf, type KeyDraft, KeyFields, keyDraft } from "./key_fields";
import { KeyText, type Made } from "./key_text";
import { NewKey, newKeyPlace } from "./new_key";
import { type Rotating, rotationBody, rotationInWords } from "./rotation";

export interface Key extends Limited, Rotating {
  id: string;
  key: string;
  name: string;
  description: string;
  type: string;
  workspace_id: string | null;
  user_id: string | null;
  status: string;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  scopes: string[];
  labels: Record<string, string>;
  defaults: { metadata: Record<string, string> | null; config_id: string | null; allow_config_override: number };
  allowed_models: string[] | null;
  allowed_providers: string[] | null;
  allowed_ips: string[] | null;
  model_aliases?: Record<string, Record<string, unknown>> | null;
  alert_emails?: string[] | null;
  log_content?: boolean | null;
  expose_cost: boolean;
}

const KINDS: Record<string, string> = {
  "organisation-service": "admin",
  "workspace-service": "application",
  "workspace-user": "user",
};

export function Keys(props: { id: string }): JSX.Element {
  return props.id ? <OneKey key={props.id} id={props.id} /> : <AllKeys />;
}

function AllKeys(): JSX.Element {
  const loaded = useLoad(async () => {
    const [keys, budgets] = await Promise.all([listAll<Key>("/api-keys"), readBudgets().catch(() => [] as Budget[])]);
    return { keys: keys.data, total: keys.total, budgets: byOwner(budgets, "api_key") };
  }, []);
  const filtering = useDraft(`${link("keys")}?filter`, () => ({ filter: "" }), { isScratch: true });
  const { filter } = filtering.value;
  const [isNew, setNew] = useState(false);
  const [made, setMade] = useState<Made>();
  return (
    <Page
      title="Keys"
      lead="Whoever calls the gateway shows one of these."
      actions={
        mayKeys("create") && (
          <Opens look="main" place={newKeyPlace()} onClick={() => setNew(true)}>
            New key
          </Opens>
        )
      }
    >
      <LoadedView loaded={loaded}>
        {({ keys, total, budgets }) => (
          <>
            <div class="filters">
              <input
                type="search"
                aria-label="Filter keys"
                placeholder="Filter by name, label, user or status"
                value={filter}
                onInput={(event) => filtering.change({ filter: event.currentTarget.value })}
              />
              <span class="hint" role="status">
                {count(matching(keys, filter).length)} of {count(total)}
              </span>
            </div>
            <Table
              caption="Keys"
              rows={matching(keys, filter)}
              id={(key) => key.id}
              empty={<p>{keys.length ? "No key matches." : "No keys yet. The first one is made with New key."}</p>}
              columns={[
                {
                  name: "Name",
                  cell: (key) => (
                    <>
                      <RowName to={mayKeys("read", key.type) && link("keys", key.id)}>{key.name || "(no name)"}</RowName>
                      <Labels labels={key.labels} />
                    </>
                  ),
                  sort: (key) => key.name,
                },
                { name: "Key", short: true, cell: (key) => <code>{key.key}</code> },
                { name: "Kind", short: true, cell: (key) => KINDS[key.type] ?? key.type, sort: (key) => key.type },
                { name: "Status", cell: (key) => <Badge text={key.status} />, sort: (key) => key.status },
                {
                  name: "Budget",
                  cell: (key) => <Budgets budgets={budgets.get(key.id) ?? []} />,
                  sort: (key) => budgets.get(key.id)?.[0]?.used ?? -1,
                },
                { name: "Used", short: true, cell: (key) => ago(key.last_used_at), sort: (key) => key.last_used_at ?? "" },
                {
                  name: "Expires",
                  short: true,
                  cell: (key) => (key.expires_at ? ago(key.expires_at) : "never"),
                  sort: (key) => key.expires_at ?? "9",
                },
              ]}
            />
          </>
        )}
      </LoadedView>
      {isNew && (
        <NewKey
          onClose={() => setNew(false)}
          onMade={(key) => {
            setNew(false);
            setMade(key);
            loaded.reload();
          }}
        />
      )}
      {made && <KeyText made={made} onClose={() => setMade(undefined)} />}
    </Page>
  );
}

function OneKey(props: { id: string }): JSX.Element {
  const loaded = useLoad(async () => {
    const key = await get<Key>(`/api-keys/${encodeURIComponent(props.id)}`);
    const budgets = await readBudgets().catch(() => [] as Budget[]);
    const own = budgets.filter((each) => each.owner_id === key.id);
    return { key, own, parents: budgets.filter((each) => each.owner_id === key.workspace_id) };
  }, [props.id]);
  return (
    <LoadedView loaded={loaded}>
      {({ key, own, parents }) => <KeyView entry={key} own={own} parents={parents} reload={loaded.reload} />}
    </LoadedView>
  );
}

function KeyView(props: { entry: Key; own: Budget[]; parents: Budget[]; reload: () => void }): JSX.Element {
  const { entry } = props;
  const [open, setOpen] = useState<"rotate" | "delete" | "copy" | "reset">();
  const [made, setMade] = useState<Made>();
  const reading = useAction();
  const path = `/api-keys/${entry.id}`;
  const mayUpdate = mayKeys("update", entry.type);
  return (
    <Page
      title={entry.name || "Key"}
      lead={
        <>
          <Badge text={entry.status} /> <code>{entry.key}</code>
        </>
      }
      actions={
        <>
          {mayKeys("rotate", entry.type) && entry.key_transition_expires_at && (
            <Button
              disabled={reading.isBusy}
              onClick={() => void reading.run(async () => setMade(await get<Made>(`${path}/rotated-text`)))}
            >
              Show new text
            </Button>
          )}
          {mayKeys("rotate", entry.type) && <Button onClick={() => setOpen("rotate")}>Rotate</Button>}
          {mayKeys("create", entry.type) && (
            <Opens place={newKeyPlace(entry)} onClick={() => setOpen("copy")}>
              Copy as new
            </Opens>
          )}
          {mayKeys("delete", entry.type) && (
            <Button look="danger" onClick={() => setOpen("delete")}>
              Delete
            </Button>
          )}
        </>
      }
    >
      <Failure error={reading.error} />
      <p>
        <a href={link("keys")}>← All keys</a>
        {may("logs.list") && (
          <>
            {" · "}
            <a href={`${link("requests")}?api_key_ids=${entry.id}`}>Requests of this key</a>
          </>
        )}
      </p>
      <Facts
        facts={[
          ["Kind", KINDS[entry.type] ?? entry.type],
          ["Made", time(entry.created_at)],
          ["Last used", ago(entry.last_used_at)],
          ["Limits", inWords(entry) || "none"],
          ["Rotation", rotationInWords(entry)],
          ["Id", <code>{entry.id}</code>],
        ]}
      />
      {props.own.length + props.parents.length > 0 && (
        <Section
          title="Budgets"
          actions={
            mayUpdate &&
            props.own.length > 0 && (
              <Button onClick={() => setOpen("reset")}>Reset usage</Button>
            )
          }
        >
          {[...props.own, ...props.parents].map((each) => (
            <div class="budget-line" key={each.owner_id + each.type}>
              <span>{each.level === "workspace" ? `Workspace ${each.owner_name}` : "This key"}</span>
              <BudgetBar budget={each} />
            </div>
          ))}
        </Section>
      )}
      <Edit entry={entry} mayUpdate={mayUpdate} reload={props.reload} />
      {open === "rotate" && (
        <Rotate
          path={path}
          onClose={() => setOpen(undefined)}
          onMade={(key) => {
            setOpen(undefined);
            setMade(key);
            props.reload();
          }}
        />
      )}
      {open === "reset" && (
        <ResetUsage
          name={entry.name}
          path={path}
          onClose={(isDone) => {
            setOpen(undefined);
            if (isDone) props.reload();
          }}
        />
      )}
      {open === "delete" && <Delete entry={entry} path={path} onClose={() => setOpen(undefined)} />}
      {open === "copy" && (
        <NewKey
          like={entry}
          onClose={() => setOpen(undefined)}
          onMade={(key) => {
            setOpen(undefined);
            setMade(key);
          }}
        />
      )}
      {made && <KeyText made={made} onClose={() => setMade(undefined)} />}
    </Page>
  );
}

function Edit(props: { entry: Key; mayUpdate: boolean; reload: () => void }): JSX.Element {
  const { entry } = props;
  const draft = useDraft<KeyDraft & { status: string }>(link("keys", entry.id), () => ({
    ...keyDraft(entry),
    status: entry.status === "disabled" ? "disabled" : "active",
  }));
  const action = useAction();
  const isAdmin = entry.type === "organisation-service";
  const save = async (): Promise<void> => {
    const isDone = await draft.save(action, ({ status, ...after }, { status: before, ...known }) =>
      put(`/api-keys/${entry.id}`, {
        ...changed(bodyOf(after, isAdmin), bodyOf(known, isAdmin)),
        ...rotationBody(after.rotation, entry.rotation_policy),
        ...(status === before ? {} : { status }),
      }),
    );
    if (isDone) props.reload();
  };
  return (
    <Section title={props.mayUpdate ? "Edit" : "Settings"}>
      <Form
        action={action}
        submit="Save"
        onSubmit={() => void save()}
        readOnly={!props.mayUpdate}
        draft={draft}
      >
        <SelectField
          label="Status"
          value={draft.value.status}
          onValue={(status) => draft.change({ status })}
          options={[
            ["active", "active"],
            ["disabled", "disabled"],
          ]}
        />
        <KeyFields draft={draft.value} action={action} kind={entry.type} onChange={draft.change} />
      </Form>
    </Section>
  );
}

function Rotate(props: { path: string; onClose: () => void; onMade: (made: Made) => void }): JSX.Element {
  const action = useAction();
  const [period, setPeriod] = useState("1800000");
  return (
    <Dialog title="Rotate this key" onClose={props.onClose}>
      <Form
        action={action}
        submit="Rotate"
        isClosing
        onCancel={props.onClose}
        onSubmit={() =>
          void action.run(async () => {
            const body = { key_transition_period_ms: Number(period) };
            props.onMade(await post<Made>(`${props.path}/rotate`, body));
          })
        }
      >
        <p class="wide">The key gets a new text. Everything else stays.</p>
        <SelectField
          label="The old text works"
          value={period}
          onValue={setPeriod}
          options={[
            ["0", "no longer"],
            ["1800000", "for half an hour"],
            ["86400000", "for a day"],
            ["604800000", "for a week"],
          ]}
        />
      </Form>
    </Dialog>
  );
}

function Delete(props: { entry: Key; path: string; onClose: () => void }): JSX.Element {
  const action = useAction();
  return (
    <Confirm
      title={`Delete ${props.entry.name}?`}
      text="Calls with this key are refused from now on. This can't be undone."
      submit="Delete key"
      action={action}
      onClose={props.onClose}
      onConfirm={() => {
        const next = goLater("keys");
        void action.run(() => remove(props.path)).then((isDone) => {
          if (!isDone) return;
          forgetDrafts(link("keys", props.entry.id));
          next();
        });
      }}
    />
  );
}

function Labels(props: { labels: Record<string, string> }): JSX.Element | null {
  const entries = Object.entries(props.labels ?? {});
  if (!entries.length) return null;
  return (
    <span class="labels">
      {entries.map(([name, value]) => (
        <span key={name}>
          {name}={value}
        </span>
      ))}
    </span>
  );
}

function Budgets(props: { budgets: Budget[] }): JSX.Element {
  if (!props.budgets.length) return <span class="hint">none</span>;
  return (
    <>
      {props.budgets.map((each) => (
        <BudgetBar key={each.type} budget={each} />
      ))}
    </>
  );
}

export function byOwner(budgets: Budget[], level: Budget["level"]): Map<string, Budget[]> {
  const found = new Map<string, Budget[]>();
  for (const each of budgets) {
    if (each.level === level) found.set(each.owner_id, [...(found.get(each.owner_id) ?? []), each]);
  }
  return found;
}

function matching(keys: Key[], filter: string): Key[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return keys.filter((key) => {
    const text = `${key.name} ${key.key} ${key.status} ${KINDS[key.type]} ${key.user_id ?? ""} ${Object.entries(key.labels ?? {}).flat().join(" ")}`;
    return words.every((word) => text.toLowerCase().includes(word));
  });
}
