/** How a key is rotated by itself: the fields of a form, and a line about it. */

import type { JSX } from "preact";
import { ago, time } from "../format";
import type { Action } from "../load";
import { problemOf, SelectField } from "../ui";

export interface RotationPolicy {
  rotation_period: string | null;
  rotation_period_days: number | null;
  next_rotation_at: string | null;
  key_transition_period_ms: number;
}

/** What of a key tells of its rotations. */
export interface Rotating {
  rotation_policy: RotationPolicy | null;
  last_rotated_at: string | null;
  key_transition_expires_at: string | null;
}

/** `period` is empty for no rotation, `weekly`, `monthly`, a number of days, or `once`. */
export interface RotationDraft {
  period: string;
  transition: string;
}

const PERIODS: [string, string][] = [
  ["", "never"],
  ["weekly", "every Monday"],
  ["monthly", "on the 1st of each month"],
  ["30", "every 30 days"],
  ["90", "every 90 days"],
];
export const TRANSITIONS: [string, string][] = [
  ["1800000", "for half an hour"],
  ["86400000", "for a day"],
  ["259200000", "for three days"],
];

export function rotationDraft(policy?: RotationPolicy | null): RotationDraft {
  if (!policy) return { period: "", transition: "86400000" };
  const period = policy.rotation_period ?? policy.rotation_period_days?.toString() ?? "once";
  return { period, transition: String(policy.key_transition_period_ms) };
}

/** The member of a body; none where nothing changed, so that a moment that was set otherwise stays. */
export function rotationBody(draft: RotationDraft, before?: RotationPolicy | null): Record<string, unknown> {
  const was = rotationDraft(before);
  if (draft.period === was.period && (draft.transition === was.transition || !draft.period)) return {};
  if (!draft.period) return { rotation_policy: null };
  const key_transition_period_ms = Number(draft.transition);
  if (draft.period === "once")
    return { rotation_policy: { next_rotation_at: before?.next_rotation_at, key_transition_period_ms } };
  const days = Number(draft.period);
  const period = days ? { rotation_period_days: days } : { rotation_period: draft.period };
  return { rotation_policy: { ...period, key_transition_period_ms } };
}

export function RotationFields(props: {
  draft: RotationDraft;
  action: Action;
  onChange: (draft: RotationDraft) => void;
}): JSX.Element {
  const { draft } = props;
  return (
    <>
      <SelectField
        label="Gets a new text"
        value={draft.period}
        error={problemOf(props.action, "rotation_policy")}
        onValue={(period) => props.onChange({ ...draft, period })}
        options={withOther(PERIODS, draft.period, draft.period === "once" ? "once" : `every ${draft.period} days`)}
      />
      {draft.period && (
        <SelectField
          label="The text before works on"
          value={draft.transition}
          onValue={(transition) => props.onChange({ ...draft, transition })}
          options={withOther(TRANSITIONS, draft.transition, `for ${Number(draft.transition) / 3_600_000} hours`)}
        />
      )}
    </>
  );
}

/** A line about the rotations of a key. */
export function rotationInWords(key: Rotating): string {
  const parts = [];
  if (key.rotation_policy) parts.push(`next on ${time(key.rotation_policy.next_rotation_at)}`);
  if (key.last_rotated_at) parts.push(`last ${ago(key.last_rotated_at)}`);
  if (key.key_transition_expires_at) parts.push(`the text before works until ${time(key.key_transition_expires_at)}`);
  return parts.join("; ") || "none";
}

const withOther = (options: [string, string][], value: string, name: string): [string, string][] =>
  options.some(([known]) => known === value) ? options : [...options, [value, name]];
