/** What is used and reserved of budgets. */

import type { JSX } from "preact";
import { listAll } from "./api";
import { amount, due } from "./format";
import { may } from "./session";
import { Bar } from "./ui";

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
