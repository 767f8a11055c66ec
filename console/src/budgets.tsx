/** What is used and reserved of budgets. */

import type { JSX } from "preact";
import { listAll, put } from "./api";
import { amount, due } from "./format";
import { useAction } from "./load";
import { may } from "./session";
import { Bar, Confirm } from "./ui";

export interface Budget {
  level: "api_key" | "provider" | "workspace";
  owner_id: string;
  owner_name: string;
  slug: string | null;
  type: string;
  limit: number;
  used: number | null;
  reserved: number | null;
  alert_threshold: number | null;
  next_usage_reset_at: string | null;
}

/** All budgets; none for a key that may not see them. */
export async function readBudgets(): Promise<Budget[]> {
  if (!may("policies.list", "analytics.view")) return [];
  return (await listAll<Budget>("/penstock/budgets")).data;
}

export function BudgetBar(props: { budget: Budget }): JSX.Element {
  const { type, limit, used, reserved, next_usage_reset_at } = props.budget;
  if (used === null) return <span class="hint">unknown of {amount(type, limit)}</span>;
  const told = `${amount(type, used)} of ${amount(type, limit)}${type === "cost" ? "" : ` ${type}`}`;
  const held = reserved ? `, ${amount(type, reserved)} reserved` : "";
  return (
    <div class="budget">
      <Bar used={used} reserved={reserved ?? 0} limit={limit} label={told + held} />
      <span class="budget-text" title={next_usage_reset_at ? `begins anew: ${due(next_usage_reset_at)}` : "for good"}>
        {told}
        {held}
      </span>
    </div>
  );
}

/** Asks, and sets to nothing what is used of a thing's limits, by a body that is put to a path. */
export function ResetUsage(props: { name: string; path: string; body?: unknown; text?: string; onClose: (isDone: boolean) => void }): JSX.Element {
  const action = useAction();
  const text = props.text ?? "All budgets and rates of it begin anew: nothing counts as used.";
  return (
    <Confirm
      title={`Reset ${props.name}?`}
      text={`${text} Requests under way are charged to what was counted before. This can't be undone.`}
      submit="Reset usage"
      action={action}
      onClose={() => props.onClose(false)}
      onConfirm={() =>
        void action.run(() => put(props.path, props.body ?? { reset_usage: true })).then((isDone) => isDone && props.onClose(true))
      }
    />
  );
}
