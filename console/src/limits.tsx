/** Limits of a key, a provider or a workspace: as the admin API has them, and as the fields of a form. */

import type { JSX } from "preact";
import { count, dollars } from "./format";
import { Button, SelectField, TextField } from "./ui";

/** What says when a limit begins anew: one of them. */
interface Window {
  periodic_reset?: string | null;
  periodic_reset_days?: number | null;
  penstock_window?: string | null;
}

export interface UsageLimit extends Window {
  type: string;
  credit_limit: number;
  alert_threshold?: number | null;
  next_usage_reset_at?: string | null;
  [more: string]: unknown;
}

export interface RateLimit {
  type: string;
  unit?: string | null;
  penstock_window?: string | null;
  value: number;
  [more: string]: unknown;
}

export interface Limited {
  usage_limits: UsageLimit | UsageLimit[] | null;
  penstock_usage_limits?: UsageLimit[];
  rate_limits: RateLimit | RateLimit[] | null;
  penstock_rate_limits?: RateLimit[];
  concurrency_limit: number | null;
}

export const RESETS = [
  ["", "never"],
  ["daily", "daily"],
  ["weekly", "weekly"],
  ["monthly", "monthly"],
  ["quarterly", "quarterly"],
  ["yearly", "yearly"],
] as const;
export const BUDGET_TYPES = [
  ["cost", "dollars"],
  ["tokens", "tokens"],
  ["requests", "requests"],
] as const;
const RATE_TYPES = [
  ["requests", "requests"],
  ["tokens", "tokens"],
] as const;
const UNITS = [
  ["rps", "per second"],
  ["rpm", "per minute"],
  ["rph", "per hour"],
  ["rpd", "per day"],
  ["rpw", "per week"],
] as const;

const asArray = <T,>(value: T | T[] | null | undefined): T[] => (value == null ? [] : Array.isArray(value) ? value : [value]);

export const budgetsOf = (owner: Limited): UsageLimit[] => owner.penstock_usage_limits ?? asArray(owner.usage_limits);
export const ratesOf = (owner: Limited): RateLimit[] => owner.penstock_rate_limits ?? asArray(owner.rate_limits);

/** The length of a window that no name stands for: `12h`, `10d`. Empty where there is none. */
export const lengthOf = (each: Window): string =>
  each.penstock_window ?? (each.periodic_reset_days ? `${each.periodic_reset_days}d` : "");

/** When a budget begins anew, in words: `monthly`, `every 12h`, `in all`. */
export const resetInWords = (each: Window): string =>
  each.periodic_reset ?? (lengthOf(each) ? `every ${lengthOf(each)}` : "in all");

/** The window of a rate, in words: `per minute`, `in 5m`. */
export const unitInWords = (each: { unit?: string | null } & Window): string =>
  each.unit ? (new Map<string, string>(UNITS).get(each.unit) ?? each.unit) : `in ${lengthOf(each)}`;

/** The choices of a field, and a length that is none of them. */
const withLength = (
  choices: readonly (readonly [string, string])[],
  length: string,
  word: string,
): readonly (readonly [string, string])[] => (length ? [...choices, [length, `${word} ${length}`]] : choices);

export const resetChoices = (length: string): readonly (readonly [string, string])[] => withLength(RESETS, length, "every");

/** Limits in a few words: `$10 monthly, 60 requests per minute`. */
export function inWords(owner: Limited): string {
  const budgets = budgetsOf(owner).map((each) => {
    const size = each.type === "cost" ? dollars(each.credit_limit) : `${count(each.credit_limit)} ${each.type}`;
    return `${size} ${resetInWords(each)}`;
  });
  const rates = ratesOf(owner).map(
    (each) => `${count(each.value)} ${each.type} ${unitInWords(each)}`,
  );
  const most = owner.concurrency_limit == null ? [] : [`${owner.concurrency_limit} at a time`];
  return [...budgets, ...rates, ...most].join(", ");
}

interface DraftBudget {
  type: string;
  amount: string;
  /** A name of `RESETS`, or `length`. */
  reset: string;
  length: string;
  alert: string;
  /** The members that the form has no field for: they stay. */
  rest: Record<string, unknown>;
}

interface DraftRate {
  type: string;
  /** A name of `UNITS`, or `length`. */
  unit: string;
  length: string;
  value: string;
  rest: Record<string, unknown>;
}

export interface LimitsDraft {
  budgets: DraftBudget[];
  rates: DraftRate[];
  concurrency: string;
}

export function limitsDraft(owner?: Limited): LimitsDraft {
  return {
    budgets: owner
      ? budgetsOf(owner).map(({ type, credit_limit, periodic_reset, alert_threshold, next_usage_reset_at, ...rest }) => ({
          type,
          amount: String(credit_limit),
          reset: periodic_reset ?? lengthOf(rest),
          length: lengthOf(rest),
          alert: alert_threshold == null ? "" : String(alert_threshold),
          // When a budget of a length of its own begins anew is its own; for the others the gateway computes it.
          rest: lengthOf(rest) ? { ...rest, next_usage_reset_at } : rest,
        }))
      : [],
    rates: owner
      ? ratesOf(owner).map(({ type, unit, value, penstock_window, ...rest }) => ({
          type,
          unit: unit ?? penstock_window ?? "",
          length: penstock_window ?? "",
          value: String(value),
          rest,
        }))
      : [],
    concurrency: owner?.concurrency_limit == null ? "" : String(owner.concurrency_limit),
  };
}

/** What of a budget says when it begins anew, if it is to begin otherwise. */
function withoutLength({ periodic_reset_days, penstock_window, next_usage_reset_at, ...rest }: Record<string, unknown>) {
  return rest;
}

/** The members of a body. A limit that was taken out is null. */
export function limitsBody(draft: LimitsDraft): Record<string, unknown> {
  const budgets = draft.budgets
    .filter((each) => each.amount !== "")
    .map((each) => ({
      ...(each.reset === each.length ? each.rest : withoutLength(each.rest)),
      type: each.type,
      credit_limit: Number(each.amount),
      ...(each.reset && each.reset !== each.length ? { periodic_reset: each.reset } : {}),
      ...(each.alert === "" ? {} : { alert_threshold: Number(each.alert) }),
    }));
  const rates = draft.rates
    .filter((each) => each.value !== "")
    .map((each) => ({
      ...each.rest,
      type: each.type,
      ...(each.length && each.unit === each.length ? { penstock_window: each.length } : { unit: each.unit }),
      value: Number(each.value),
    }));
  return {
    usage_limits: budgets.length === 0 ? null : budgets.length === 1 ? budgets[0] : budgets,
    rate_limits: rates.length === 0 ? null : rates,
    concurrency_limit: draft.concurrency === "" ? null : Number(draft.concurrency),
  };
}

export function LimitFields(props: { draft: LimitsDraft; onChange: (draft: LimitsDraft) => void }): JSX.Element {
  const { draft, onChange } = props;
  const budget = (index: number, change: Partial<DraftBudget>): void =>
    onChange({ ...draft, budgets: draft.budgets.map((each, at) => (at === index ? { ...each, ...change } : each)) });
  const rate = (index: number, change: Partial<DraftRate>): void =>
    onChange({ ...draft, rates: draft.rates.map((each, at) => (at === index ? { ...each, ...change } : each)) });
  return (
    <fieldset class="wide">
      <legend>Limits</legend>
      {draft.budgets.map((each, index) => (
        <div class="row" key={index}>
          <TextField
            label="Budget"
            type="number"
            min="0"
            value={each.amount}
            onValue={(amount) => budget(index, { amount })}
          />
          <SelectField label="of" value={each.type} options={BUDGET_TYPES} onValue={(type) => budget(index, { type })} />
          <SelectField
            label="begins anew"
            value={each.reset}
            options={resetChoices(each.length)}
            onValue={(reset) => budget(index, { reset })}
          />
          <TextField
            label="Alert at"
            type="number"
            min="0"
            value={each.alert}
            onValue={(alert) => budget(index, { alert })}
          />
          <Button
            look="quiet"
            aria-label={`Remove budget ${index + 1}`}
            onClick={() => onChange({ ...draft, budgets: draft.budgets.filter((_, at) => at !== index) })}
          >
            ✕
          </Button>
        </div>
      ))}
      {draft.rates.map((each, index) => (
        <div class="row" key={index}>
          <TextField
            label="At most"
            type="number"
            min="0"
            step="1"
            value={each.value}
            onValue={(value) => rate(index, { value })}
          />
          <SelectField label="of" value={each.type} options={RATE_TYPES} onValue={(type) => rate(index, { type })} />
          <SelectField
            label="window"
            value={each.unit}
            options={withLength(UNITS, each.length, "in")}
            onValue={(unit) => rate(index, { unit })}
          />
          <Button
            look="quiet"
            aria-label={`Remove rate ${index + 1}`}
            onClick={() => onChange({ ...draft, rates: draft.rates.filter((_, at) => at !== index) })}
          >
            ✕
          </Button>
        </div>
      ))}
      <div class="row">
        <Button
          onClick={() =>
            onChange({
              ...draft,
              budgets: [...draft.budgets, { type: "cost", amount: "", reset: "monthly", length: "", alert: "", rest: {} }],
            })
          }
        >
          Add budget
        </Button>
        <Button
          onClick={() =>
            onChange({
              ...draft,
              rates: [...draft.rates, { type: "requests", unit: "rpm", length: "", value: "", rest: {} }],
            })
          }
        >
          Add rate
        </Button>
        <TextField
          label="Requests at a time"
          type="number"
          min="1"
          step="1"
          value={draft.concurrency}
          onValue={(concurrency) => onChange({ ...draft, concurrency })}
        />
      </div>
    </fieldset>
  );
}
