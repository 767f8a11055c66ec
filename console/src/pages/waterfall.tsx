import type { JSX } from "preact";
import { cents, count, duration } from "../format";
import { Section } from "../ui";
import { StatusBadge } from "./requests";

/** An attempt at a provider. Times are milliseconds since the request's arrival. */
export interface Attempt {
  number: number;
  target: string;
  provider: string;
  model: string | null;
  virtual_key: string | null;
  status: number | null;
  error: string | null;
  error_message: string | null;
  began: number;
  first_content: number | null;
  ended: number;
  cache: string | null;
  is_charged: boolean;
  is_hedge_loser: boolean;
  req_units: number;
  res_units: number;
  cost: number | null;
}

const LEGEND = [
  ["pause", "waiting to begin"],
  ["waits", "until the first content"],
  ["flows", "after it"],
  ["failed", "failed"],
] as const;
const TICKS = [0, 0.25, 0.5, 0.75, 1];
/** The part of the whole from which on a pause is drawn, and that of the shortest bar. */
const SEEN = 0.006;

/** How a request ended, as its caller saw it: a stream can break off when its answer has begun. */
export type Ending = "answered" | "broken" | "failed";

/** The attempts of a request over its time, and why each ended. */
export function Waterfall(props: { attempts: Attempt[]; whole: number; ending: Ending }): JSX.Element {
  const { attempts } = props;
  const whole = Math.max(props.whole, 1, ...attempts.map((each) => each.ended));
  const between = (from: number, to: number): { left: string; width: string } => {
    const width = Math.min(1, Math.max((to - from) / whole, SEEN));
    return { left: `${Math.min(from / whole, 1 - width) * 100}%`, width: `${width * 100}%` };
  };
  const pauseBefore = (index: number): [number, number] | undefined => {
    const [from, to] = [attempts[index - 1]?.ended ?? 0, attempts[index]?.began ?? 0];
    return (to - from) / whole > SEEN ? [from, to] : undefined;
  };
  if (attempts.length === 0) {
    return (
      <Section title="Attempts">
        <p class="hint">No provider was called.</p>
      </Section>
    );
  }
  return (
    <Section title="Attempts">
      <p class="legend hint">
        {LEGEND.map(([look, text]) => (
          <span key={look}>
            <span class={`swatch ${look}`} /> {text}
          </span>
        ))}
      </p>
      <div class="axis hint" aria-hidden="true">
        {TICKS.map((each) => (
          <span key={each}>{duration(each * whole)}</span>
        ))}
      </div>
      <ol class="waterfall">
        {attempts.map((each, index) => {
          const pause = pauseBefore(index);
          const name = each.virtual_key ? `@${each.virtual_key}` : each.provider;
          return (
            <li key={each.number}>
              <div class="attempt">
                <strong>{name}</strong> {each.model} {(each.status || each.error) && <StatusBadge status={each.status ?? 0} error={each.error} />}
                <div class="hint">{each.target}</div>
              </div>
              <div>
                <div
                  class="track"
                  role="img"
                  aria-label={`from ${duration(each.began)} to ${duration(each.ended)}${each.first_content === null ? "" : `, first content at ${duration(each.first_content)}`}`}
                >
                  {pause && <span class="pause" style={between(...pause)} title={`${duration(pause[1] - pause[0])} later`} />}
                  <span class={each.error && !brokeOff(each) ? "failed" : "waits"} style={between(each.began, each.ended)} />
                  {each.first_content !== null && (!each.error || brokeOff(each)) && (
                    <span class={each.error ? "failed" : "flows"} style={between(each.first_content, each.ended)} />
                  )}
                </div>
                <p class="hint">
                  {pause && `${duration(pause[1] - pause[0])} ${index ? "after the one before" : "after the request came"}, `}
                  took {duration(each.ended - each.began)}
                  {each.req_units + each.res_units > 0 && `, ${count(each.req_units)} tokens in, ${count(each.res_units)} out, ${cents(each.cost)}`}
                </p>
                <p>
                  {endOf(attempts, index, props.ending)}
                  {each.error_message && <span class="reason">{each.error_message}</span>}
                </p>
              </div>
            </li>
          );
        })}
      </ol>
    </Section>
  );
}

/** Whether an attempt failed in the middle of an answer that had begun well. */
const brokeOff = (each: Attempt): boolean => each.error !== null && each.status !== null && each.status > 0 && each.status < 400;

/** How an answer was found that nobody was asked for. */
const FOUND: Record<string, string> = {
  HIT: "Answered from the cache.",
  REPLAYED: "Answered as the first request with this Idempotency-Key.",
};

/** What an attempt led to: tried again, somebody else asked, the answer. */
function endOf(attempts: Attempt[], index: number, ending: Ending): string {
  const each = attempts[index];
  if (!each) return "";
  if (each.is_hedge_loser) return "Ended, because another one was faster.";
  if (ending === "broken" && index === attempts.length - 1)
    return "Broke off when its answer had begun: nobody else could be asked.";
  if (each.error === null) return (!each.is_charged && FOUND[each.cache ?? ""]) || "Answered.";
  const next = attempts[index + 1];
  if (next === undefined) return ending === "answered" ? "Failed." : "Failed, and nothing else was left to try.";
  if (next.began < each.ended) return "Failed, while another one was under way.";
  return next.target === each.target ? "Failed, and was tried again." : `Failed, so that ${next.target} was asked.`;
}
