import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, list, post, put, remove } from "../api";
import { ResetUsage } from "../budgets";
import { forgetDrafts, useDraft } from "../draft";
import { ago, amount, count } from "../format";
import { BUDGET_TYPES, RESETS, lengthOf, resetChoices, resetInWords, unitInWords } from "../limits";
import { useAction, useLoad } from "../load";
import { link } from "../route";
import { may } from "../session";
import { Badge, Bar, Button, Confirm, Dialog, Form, LoadedView, Opens, problemOf, Section, SelectField, Table, TextField } from "../ui";

interface Match {
  key: string;
  value: string;
}

interface Policy {
  id: string;
  name: string;
  type: string;
  credit_limit?: number;
  periodic_reset?: string | null;
  periodic_reset_days?: number | null;
  penstock_window?: string | null;
  alert_threshold?: number | null;
  unit?: string;
  value?: number;
  conditions: Match[];
  group_by: { key: string }[];
  next_usage_reset_at?: string | null;
  status: string;
  kind: "usage" | "rate";
}

interface Entity {
  id: string;
  value_key: string;
  current_usage: number;
}

/** Where a policy is typed that is to be made, and the change of one. */
const NEW = `${link("limits")}?policy`;
const changePlace = (policy: Policy): string => `${NEW}=${policy.id}`;
const PATHS = { usage: "/policies/usage-limits", rate: "/policies/rate-limits" };
export function Policies(): JSX.Element {
  const loaded = useLoad(async () => {
    const [usage, rate] = await Promise.all([
      list<Omit<Policy, "kind">>(PATHS.usage),
      list<Omit<Policy, "kind">>(PATHS.rate),
    ]);
    return [
      ...usage.data.map((each): Policy => ({ ...each, kind: "usage" })),
      ...rate.data.map((each): Policy => ({ ...each, kind: "rate" })),
    ];
  }, []);
  const [open, setOpen] = useState<"new" | Policy>();
  const [changed, setChanged] = useState<Policy>();
  const close = (isDone: boolean): void => {
    setOpen(undefined);
    setChanged(undefined);
    if (isDone) loaded.reload();
  };
  return (
    <Section
      title="Policies"
      hint="limits for the requests that meet conditions, for each value on its own"
      actions={
        may("policies.create") && (
          <Opens place={NEW} onClick={() => setOpen("new")}>
            New policy
          </Opens>
        )
      }
    >
      <LoadedView loaded={loaded}>
        {(policies) => (
          <Table
            caption="Policies"
            rows={policies}
            id={(each) => each.id}
            empty={<p>No policies.</p>}
            columns={[
              {
                name: "Name",
                cell: (each) =>
                  each.kind === "usage" && may("policies.read") ? (
                    <button type="button" class="sort strong" onClick={() => setOpen(each)}>
                      {each.name || "(no name)"}
                    </button>
                  ) : (
                    <span class="strong">{each.name || "(no name)"}</span>
                  ),
                sort: (each) => each.name,
              },
              { name: "For", cell: (each) => each.conditions.map((on) => `${on.key}=${on.value}`).join(", ") },
              { name: "Each", cell: (each) => each.group_by.map((by) => by.key).join(", ") },
              { name: "Limit", cell: (each) => limitOf(each) },
              { name: "Status", cell: (each) => <Badge text={each.status} />, sort: (each) => each.status },
              {
                name: "",
                cell: (each) =>
                  each.status === "active" && (
                    <>
                      {may("policies.update") && (
                        <Opens place={changePlace(each)} onClick={() => setChanged(each)} aria-label={`Change ${each.name}`}>
                          Change
                        </Opens>
                      )}{" "}
                      {may("policies.delete") && <Archive policy={each} onDone={loaded.reload} />}
                    </>
                  ),
              },
            ]}
          />
        )}
      </LoadedView>
      {open === "new" && <NewPolicy onClose={close} />}
      {changed && <ChangePolicy policy={changed} onClose={close} />}
      {open !== undefined && open !== "new" && <PolicyUsage policy={open} onClose={() => close(false)} />}
    </Section>
  );
}

const limitOf = (policy: Policy): string =>
  policy.kind === "usage"
    ? `${amount(policy.type, policy.credit_limit)}${policy.type === "cost" ? "" : ` ${policy.type}`} ${resetInWords(policy)}`
    : `${count(policy.value)} ${policy.type} ${unitInWords(policy)}`;

function Archive(props: { policy: Policy; onDone: () => void }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  const action = useAction();
  return (
    <>
      <Button onClick={() => setOpen(true)} aria-label={`End ${props.policy.name}`}>
        End
      </Button>
      {isOpen && (
        <Confirm
          title={`End ${props.policy.name}?`}
          text="It limits nothing from now on."
          submit="End policy"
          action={action}
          onClose={() => setOpen(false)}
          onConfirm={() =>
            void action.run(() => remove(`${PATHS[props.policy.kind]}/${props.policy.id}`)).then((isDone) => {
              if (!isDone) return;
              forgetDrafts(changePlace(props.policy));
              setOpen(false);
              props.onDone();
            })
          }
        />
      )}
    </>
  );
}

function PolicyUsage(props: { policy: Policy; onClose: () => void }): JSX.Element {
  const { policy } = props;
  const path = `${PATHS.usage}/${policy.id}/entities`;
  const loaded = useLoad(() => get<{ data: Entity[] }>(path), [policy.id]);
  const [reset, setReset] = useState<Entity>();
  const limit = policy.credit_limit ?? 0;
  return (
    <Dialog title={`Used of ${policy.name}`} onClose={props.onClose} wide>
      <LoadedView loaded={loaded}>
        {(entities) => (
          <Table
            caption={`Used of ${policy.name}`}
            rows={entities.data}
            id={(each) => each.id}
            empty={<p>Nothing is used yet.</p>}
            columns={[
              { name: "Value", cell: (each) => each.value_key, sort: (each) => each.value_key },
              {
                name: "Used",
                cell: (each) => (
                  <div class="budget">
                    <Bar used={each.current_usage} limit={limit} label={`${each.value_key}: ${amount(policy.type, each.current_usage)}`} />
                    <span class="budget-text">
                      {amount(policy.type, each.current_usage)} of {amount(policy.type, limit)}
                    </span>
                  </div>
                ),
                sort: (each) => each.current_usage,
              },
              {
                name: "",
                cell: (each) =>
                  may("policies.update") && (
                    <Button aria-label={`Reset ${each.value_key}`} onClick={() => setReset(each)}>
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
          name={reset.value_key}
          path={`${path}/${reset.id}/reset`}
          body={{}}
          text="Nothing counts as used of this budget."
          onClose={(isDone) => {
            setReset(undefined);
            if (isDone) loaded.reload();
          }}
        />
      )}
      {policy.next_usage_reset_at && <p class="hint">Begins anew {ago(policy.next_usage_reset_at)}.</p>}
    </Dialog>
  );
}

/** What a budget of a length of its own loses with it. */
const NO_LENGTH = { periodic_reset_days: null, penstock_window: null, next_usage_reset_at: null };

/** Another amount, and of a budget another window and another threshold; what it limits stays. */
function ChangePolicy(props: { policy: Policy; onClose: (isDone: boolean) => void }): JSX.Element {
  const { policy } = props;
  const isBudget = policy.kind === "usage";
  const length = lengthOf(policy);
  const before = policy.periodic_reset ?? length;
  const draft = useDraft(changePlace(policy), () => ({
    size: String((isBudget ? policy.credit_limit : policy.value) ?? ""),
    alert: String(policy.alert_threshold ?? ""),
    reset: before,
  }));
  const { value, change } = draft;
  const action = useAction();
  const save = ({ size, alert, reset }: typeof value): Promise<unknown> => {
    const budget = {
      credit_limit: Number(size),
      alert_threshold: alert ? Number(alert) : null,
      ...(reset === before ? {} : { periodic_reset: reset || null, ...(length ? NO_LENGTH : {}) }),
    };
    return put(`${PATHS[policy.kind]}/${policy.id}`, isBudget ? budget : { value: Number(size) });
  };
  return (
    <Dialog title={`Change ${policy.name}`} onClose={() => props.onClose(false)}>
      <Form
        action={action}
        submit="Save"
        isClosing
        draft={draft}
        onCancel={() => props.onClose(false)}
        onSubmit={() => void draft.save(action, save).then((isDone) => isDone && props.onClose(true))}
      >
        <TextField
          label={isBudget ? `Budget, ${policy.type === "cost" ? "dollars" : policy.type}` : `At most, ${policy.type}`}
          type="number"
          min="0"
          required
          value={value.size}
          onValue={(size) => change({ size })}
          error={problemOf(action, "credit_limit") ?? problemOf(action, "value")}
        />
        {isBudget && (
          <>
            <TextField label="Alert at" type="number" min="0" value={value.alert} onValue={(alert) => change({ alert })} error={problemOf(action, "alert_threshold")} />
            <SelectField
              label="Begins anew"
              value={value.reset}
              onValue={(reset) => change({ reset })}
              options={resetChoices(length)}
              error={problemOf(action, "periodic_reset")}
            />
          </>
        )}
      </Form>
    </Dialog>
  );
}

const KINDS = [
  ["usage", "a budget"],
  ["rate", "a rate"],
] as const;
const RATE_UNITS = [
  ["rpm", "per minute"],
  ["rph", "per hour"],
  ["rpd", "per day"],
] as const;

function NewPolicy(props: { onClose: (isDone: boolean) => void }): JSX.Element {
  const draft = useDraft(NEW, () => ({
    name: "", kind: "usage" as Policy["kind"], key: "api_key", value: "*", by: "", type: "cost", amount: "", reset: "monthly", unit: "rpm",
  }));
  const { value: typed, change } = draft;
  const action = useAction();
  const isBudget = typed.kind === "usage";
  const make = ({ name, kind, type, key, value, by, amount, reset, unit }: typeof typed): Promise<unknown> =>
    post(PATHS[kind], {
      name,
      type: kind === "rate" && type === "cost" ? "requests" : type,
      conditions: [{ key, value }],
      group_by: [{ key: by || key }],
      ...(kind === "usage"
        ? { credit_limit: Number(amount), ...(reset ? { periodic_reset: reset } : {}) }
        : { unit, value: Number(amount) }),
    });
  return (
    <Dialog title="New policy" onClose={() => props.onClose(false)} wide>
      <Form
        action={action}
        submit="Create policy"
        isClosing
        draft={draft}
        onCancel={() => props.onClose(false)}
        onSubmit={() => void draft.save(action, make).then((isDone) => isDone && props.onClose(true))}
      >
        <TextField label="Name" required value={typed.name} onValue={(name) => change({ name })} error={problemOf(action, "name")} />
        <SelectField label="Is" value={typed.kind} onValue={(kind) => change({ kind: kind as Policy["kind"] })} options={KINDS} />
        <TextField
          label={isBudget ? "Budget" : "At most"}
          type="number"
          min="0"
          required
          value={typed.amount}
          onValue={(value) => change({ amount: value })}
          error={problemOf(action, "credit_limit") ?? problemOf(action, "value")}
        />
        <SelectField
          label="of"
          value={typed.type}
          onValue={(type) => change({ type })}
          options={isBudget ? BUDGET_TYPES : BUDGET_TYPES.slice(1)}
        />
        {isBudget ? (
          <SelectField label="Begins anew" value={typed.reset} onValue={(reset) => change({ reset })} options={RESETS} />
        ) : (
          <SelectField label="Window" value={typed.unit} onValue={(unit) => change({ unit })} options={RATE_UNITS} />
        )}
        <TextField
          label="For requests whose"
          value={typed.key}
          options={["api_key", "metadata._user", "metadata.team", "model", "provider", "virtual_key"]}
          onValue={(key) => change({ key })}
          error={problemOf(action, "conditions")}
        />
        <TextField label="is" value={typed.value} onValue={(value) => change({ value })} hint="* for any" />
        <TextField
          label="Counted for each"
          value={typed.by}
          placeholder={typed.key}
          onValue={(by) => change({ by })}
          error={problemOf(action, "group_by")}
        />
      </Form>
    </Dialog>
  );
}
