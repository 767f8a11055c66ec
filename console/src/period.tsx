/** The period that figures are about. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
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

/** The period that the query of an address tells, else one of so many hours or days up to now. */
export function periodOf(query: URLSearchParams, otherwise: string): Period {
  const [from, to] = ["from", "to"].map((name) => localInput(query.get(name)));
  const name = query.get("period") ?? (from || to ? "own" : otherwise);
  const isKnown = Object.hasOwn(SPANS, name) || name === "own";
  return { name: isKnown ? name : otherwise, from: from ?? "", to: to ?? "" };
}

/** A period as the query of an address: moments in UTC, so that whoever gets it sees the same. */
export function asAddress(period: Period): Record<string, string> {
  if (period.name !== "own") return { period: period.name };
  const moment = (text: string): string => (text ? new Date(text).toISOString() : "");
  return { period: "own", from: moment(period.from), to: moment(period.to) };
}

/** The parameters of the time before: as long, and up to where a period begins. */
export function before(query: Between): Between {
  const [from, to] = [Date.parse(query.time_of_generation_min), Date.parse(query.time_of_generation_max)];
  return {
    time_of_generation_min: new Date(2 * from - to).toISOString(),
    time_of_generation_max: query.time_of_generation_min,
  };
}

interface Between extends Record<string, string> {
  time_of_generation_min: string;
  time_of_generation_max: string;
}

/** The period as the parameters of a call, as of now. */
export function between(period: Period): Between {
  const span = SPANS[period.name] ?? SPANS["24h"] ?? 0;
  const isOwn = period.name === "own";
  const to = isOwn && period.to ? new Date(period.to) : new Date(Date.now() + 1000);
  const from = isOwn && period.from ? new Date(period.from) : new Date(to.getTime() - span);
  return { time_of_generation_min: from.toISOString(), time_of_generation_max: to.toISOString() };
}

export function PeriodFields(props: { period: Period; onChange: (period: Period) => void }): JSX.Element {
  const { period, onChange } = props;
  // A date that is being typed is another one with each digit: it counts once its field is left, or by Enter.
  const [typed, setTyped] = useState<Partial<Period>>({});
  useEffect(() => setTyped({}), [period.name, period.from, period.to]);
  const { from, to } = { ...period, ...typed };
  const take = (): void => {
    if (from !== period.from || to !== period.to) onChange({ ...period, from, to });
  };
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
        <div
          class="filters"
          onFocusOut={take}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            take();
          }}
        >
          <TextField label="From" type="datetime-local" value={from} onValue={(text) => setTyped({ ...typed, from: text })} />
          <TextField label="To" type="datetime-local" value={to} onValue={(text) => setTyped({ ...typed, to: text })} />
        </div>
      )}
    </>
  );
}
