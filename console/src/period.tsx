/** The period that figures are about. */

import type { JSX } from "preact";
import { localInput } from "./format";
import { SelectField, TextField } from "./ui";

export interface Period {
  /** `1h`, `24h`, …, or `own` for two moments. */
  name: string;
  from: string;
  to: string;
}

const MINUTE = 60_000;
const SPANS: Record<string, number> = { "15m": 15 * MINUTE, "1h": 60 * MINUTE, "24h": 1440 * MINUTE, "7d": 10_080 * MINUTE, "30d": 43_200 * MINUTE, "90d": 129_600 * MINUTE };
const NAMES = [
  ["15m", "last 15 minutes"],
  ["1h", "last hour"],
  ["24h", "last 24 hours"],
  ["7d", "last 7 days"],
  ["30d", "last 30 days"],
  ["90d", "last 90 days"],
  ["own", "from … to …"],
] as const;

export const firstPeriod = (name = "24h"): Period => ({ name, from: "", to: "" });

/** The period as the parameters of a call, as of now. */
export function between(period: Period): { time_of_generation_min: string; time_of_generation_max: string } {
  const span = SPANS[period.name] ?? SPANS["24h"] ?? 0;
  const isOwn = period.name === "own";
  const to = isOwn && period.to ? new Date(period.to) : new Date(Date.now() + 1000);
  const from = isOwn && period.from ? new Date(period.from) : new Date(to.getTime() - span);
  return { time_of_generation_min: from.toISOString(), time_of_generation_max: to.toISOString() };
}

export function PeriodFields(props: { period: Period; onChange: (period: Period) => void }): JSX.Element {
  const { period, onChange } = props;
  return (
    <>
      <SelectField
        label="Period"
        value={period.name}
        options={NAMES}
        onValue={(name) => {
          const told = between(period);
          onChange({ name, from: localInput(told.time_of_generation_min), to: localInput(told.time_of_generation_max) });
        }}
      />
      {period.name === "own" && (
        <>
          <TextField label="From" type="datetime-local" value={period.from} onValue={(from) => onChange({ ...period, from })} />
          <TextField label="To" type="datetime-local" value={period.to} onValue={(to) => onChange({ ...period, to })} />
        </>
      )}
    </>
  );
}
