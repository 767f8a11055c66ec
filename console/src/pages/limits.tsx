import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { list, put } from "../api";
import { type Budget, BudgetBar, readBudgets, ResetUsage } from "../budgets";
import { useDraft } from "../draft";
import { due } from "../format";
import { inWords, LimitFields, limitsBody, limitsDraft, type Limited } from "../limits";
import { useAction, useLoad } from "../load";
import { link } from "../route";
import { may, mayKeys } from "../session";
import { Button, Dialog, Form, LoadedView, Opens, Page, RowName, Section, Table } from "../ui";
import { Policies } from "./policies";

interface Workspace extends Limited {
  id: string;
  slug: string;
  name: string;
}

const LEVELS: Record<Budget["level"], string> = { api_key: "key", provider: "provider", workspace: "workspace" };

export function Limits(): JSX.Element {
  return (
    <Page title="Limits" lead="What may be used, and what is used of it in the present window.">
      <Budgets />
      {may("workspaces.list") && <Workspaces />}
      {may("policies.list") && <Policies />}
    </Page>
  );
}

function Budgets(): JSX.Element {
  const loaded = useLoad(readBudgets, [], 15);
  const [reset, setReset] = useState<Budget>();
  return (
    <Section title="Budgets" hint="of keys, providers and workspaces; light: reserved by requests under way">
      <LoadedView loaded={loaded}>
        {(budgets) => (
          <Table
            caption="Budgets"
            rows={budgets}
            id={(each) => each.owner_id + each.type}
            empty={<p>No budgets. A key, a provider or a workspace gets one where it is edited.</p>}
            columns={[
              { name: "Of", cell: (each) => <Owner budget={each} />, sort: (each) => each.owner_name },
              { name: "Kind", short: true, cell: (each) => LEVELS[each.level], sort: (each) => each.level },
              {
                name: "Used",
                cell: (each) => <BudgetBar budget={each} />,
                sort: (each) => ((each.used ?? 0) + (each.reserved ?? 0)) / each.limit,
              },
              {
                name: "Begins anew",
                short: true,
                cell: (each) => (each.next_usage_reset_at ? due(each.next_usage_reset_at) : "never"),
                sort: (each) => each.next_usage_reset_at ?? "9",
              },
              {
                name: "",
                cell: (each) =>
                  mayReset(each) && (
                    <Button onClick={() => setReset(each)} aria-label={`Reset ${each.owner_name}`}>
                      Reset
                    </Button>
                  ),
              },
            ]}
          />
        )}
      </LoadedView>
      {reset && (
        <ResetUsage
          name={reset.owner_name}
          path={ownerPath(reset)}
          onClose={(isDone) => {
            setReset(undefined);
            if (isDone) loaded.reload();
          }}
        />
      )}
    </Section>
  );
}

function Owner(props: { budget: Budget }): JSX.Element {
  const { level, owner_id, owner_name, slug } = props.budget;
  const pages = {
    workspace: false as const,
    api_key: mayKeys("read") && link("keys", owner_id),
    provider: may("providers.read") && link("providers", slug ?? ""),
  };
  return <RowName to={pages[level]}>{owner_name}</RowName>;
}

const ownerPath = (budget: Budget): string =>
  budget.level === "api_key"
    ? `/api-keys/${budget.owner_id}`
    : budget.level === "provider"
      ? `/providers/${encodeURIComponent(budget.slug ?? "")}`
      : `/admin/workspaces/${budget.owner_id}`;

const mayReset = (budget: Budget): boolean =>
  budget.level === "api_key" ? mayKeys("update") : may(budget.level === "provider" ? "providers.update" : "workspaces.update");

function Workspaces(): JSX.Element {
  const loaded = useLoad(() => list<Workspace>("/admin/workspaces"), []);
  const [edited, setEdited] = useState<Workspace>();
  return (
    <Section title="Workspaces" hint="limits for all requests of a workspace together">
      <LoadedView loaded={loaded}>
        {(workspaces) => (
          <Table
            caption="Workspaces"
            rows={workspaces.data}
            id={(each) => each.id}
            columns={[
              { name: "Name", cell: (each) => <span class="strong">{each.name}</span>, sort: (each) => each.name },
              { name: "Limits", cell: (each) => inWords(each) || "none" },
              {
                name: "",
                cell: (each) =>
                  may("workspaces.update") && (
                    <Opens place={editPlace(each)} onClick={() => setEdited(each)} aria-label={`Edit limits of ${each.name}`}>
                      Edit limits
                    </Opens>
                  ),
              },
            ]}
          />
        )}
      </LoadedView>
      {edited && (
        <EditWorkspace
          workspace={edited}
          onClose={(isDone) => {
            setEdited(undefined);
            if (isDone) loaded.reload();
          }}
        />
      )}
    </Section>
  );
}

const editPlace = (workspace: Workspace): string => `${link("limits")}?workspace=${workspace.id}`;

function EditWorkspace(props: { workspace: Workspace; onClose: (isDone: boolean) => void }): JSX.Element {
  const draft = useDraft(editPlace(props.workspace), () => ({ limits: limitsDraft(props.workspace) }));
  const action = useAction();
  const path = `/admin/workspaces/${props.workspace.id}`;
  return (
    <Dialog title={`Limits of ${props.workspace.name}`} onClose={() => props.onClose(false)} wide>
      <Form
        action={action}
        submit="Save"
        isClosing
        draft={draft}
        onCancel={() => props.onClose(false)}
        onSubmit={() =>
          void draft.save(action, ({ limits }) => put(path, limitsBody(limits))).then((isDone) => isDone && props.onClose(true))
        }
      >
        <LimitFields draft={draft.value.limits} onChange={(limits) => draft.change({ limits })} />
      </Form>
    </Dialog>
  );
}
