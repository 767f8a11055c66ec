/** Numbers, money and times for people. */

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const count = (value: number | null | undefined): string => (value == null ? "–" : whole.format(value));
export const compact = (value: number | null | undefined): string =>
  value == null ? "–" : Math.abs(value) < 10_000 ? whole.format(value) : short.format(value);

/** Dollars, with as many decimals as a small amount needs. */
export function dollars(value: number | null | undefined): string {
  if (value == null) return "–";
  if (value === 0) return "$0";
  const decimals = Math.abs(value) >= 1 ? 2 : Math.min(9, Math.max(2, 1 - Math.floor(Math.log10(Math.abs(value)))));
  return `${value < 0 ? "−" : ""}$${Math.abs(value).toLocaleString("en-US", {
    minimumFractionDigits: 2,
    maximumFractionDigits: decimals,
  })}`;
}

export const cents = (value: number | null | undefined): string => dollars(value == null ? null : value / 100);

/** Milliseconds as ms or s. */
export function duration(value: number | null | undefined): string {
  if (value == null) return "–";
  if (value < 1000) return `${value > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
  return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
}

export const percent = (value: number | null | undefined): string =>
  value == null ? "–" : `${value.toFixed(value > 0 && value < 10 ? 1 : 0)} %`;

const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const thisYear = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit",
});

export const date = (text: string | null | undefined): string => (text ? day.format(new Date(text)) : "–");

/** A day and its time; the year only where it is another one. */
export function time(text: string | null | undefined): string {
  if (!text) return "–";
  const when = new Date(text);
  return (when.getFullYear() === new Date().getFullYear() ? thisYear : moment).format(when);
}

/** How long ago a moment was, or how long until it comes. */
export function ago(text: string | null | undefined): string {
  if (!text) return "never";
  const seconds = (Date.now() - new Date(text).getTime()) / 1000;
  const size = Math.abs(seconds);
  const [value, unit] =
    size < 60 ? [size, "s"] : size < 3600 ? [size / 60, "min"] : size < 86_400 ? [size / 3600, "h"] : [size / 86_400, "d"];
  const told = `${Math.round(value)} ${unit}`;
  return seconds >= 0 ? `${told} ago` : `in ${told}`;
}

const DAY = 86_400_000;

/** When something comes: within a day by how long it takes, for a date would not say it. */
export const due = (text: string): string => (Math.abs(Date.parse(text) - Date.now()) < DAY ? ago(text) : date(text));

export const amount = (kind: string, value: number | null | undefined): string =>
  kind === "cost" ? dollars(value) : compact(value);

/** The value of an input datetime-local for a moment, in local time. */
export function localInput(text: string | null): string {
  const when = new Date(text ?? "");
  if (Number.isNaN(when.getTime())) return "";
  return new Date(when.getTime() - when.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
