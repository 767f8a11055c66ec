/** Unit tests of a config, in the form of `penstock test`: with such a request and such faults, this must come of it. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useDraft } from "../draft";
import { explain, type Explanation } from "../gateway";
import { readJson } from "../json_text";
import { useAction } from "../load";
import { AreaField, Badge, Button, Code, Failure, Section } from "../ui";

/** One test. What is not set is not looked at; docs/explain.md has the members. */
interface ConfigTest {
  name: string;
  request?: unknown;
  metadata?: unknown;
  path?: string;
  faults?: string;
  seed?: number;
  attempts?: string[];
  status?: number;
  target?: string;
  retry_count?: number;
  waits_at_most?: number;
  time_at_most?: number;
}

interface Result {
  name: string;
  differences: string[];
}

const ASKED = ["request", "metadata", "path", "faults", "seed"] as const;
const EXPECTED = ["attempts", "status", "target", "retry_count", "waits_at_most", "time_at_most"] as const;
const EXAMPLE = '[\n  {"name": "an outage falls back", "faults": "targets[0]=503x9", "target": "targets[1]"}\n]';
const MOST = 100;

/** `place`: where the config is typed. Tests stay in this browser once the config has a name, in this tab before. */
export function ConfigTests(props: { config: unknown; slug: string; place: string }): JSX.Element {
  const place = `penstock-tests-${props.slug}`;
  const begin = (): { text: string } => ({ text: (props.slug && localStorage.getItem(place)) || EXAMPLE });
  const draft = useDraft(`${props.place}?tests`, begin, { isScratch: true });
  const { text } = draft.value;
  useEffect(() => {
    // Also what was typed before the config had a name.
    if (props.slug && (text !== EXAMPLE || localStorage.getItem(place))) localStorage.setItem(place, text);
  }, [place, text]);
  const [results, setResults] = useState<Result[]>();
  const action = useAction();
  const run = (): Promise<boolean> =>
    action.run(async () => {
      setResults(undefined);
      const found: Result[] = [];
      for (const test of testsIn(text)) found.push({ name: test.name, differences: await differencesOf(props.config, test) });
      setResults(found);
    });
  const failed = results?.filter((each) => each.differences.length > 0).length ?? 0;
  return (
    <Section title="Tests" hint="as penstock test runs them; nothing is sent">
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <AreaField
          label="Tests in JSON"
          wide
          rows={6}
          value={text}
          onValue={(typed) => draft.change({ text: typed })}
          hint={`Each has a name, may set ${ASKED.join(", ")}, and expects one of ${EXPECTED.join(", ")}. They stay in this browser`}
        />
        <Failure error={action.error} />
        <footer>
          <Button type="submit" disabled={action.isBusy || props.config === undefined}>
            Run tests
          </Button>
          <span role="status">{results && `${results.length - failed} passed, ${failed} failed`}</span>
        </footer>
      </form>
      {results && (
        <ul class="tests" aria-label="Results of tests">
          {results.map((each) => (
            <li key={each.name}>
              <Badge text={each.differences.length ? "failed" : "passed"} tone={each.differences.length ? "bad" : "good"} /> {each.name}
              {each.differences.map((line) => (
                <p key={line} class="hint">
                  {line}
                </p>
              ))}
            </li>
          ))}
        </ul>
      )}
      <details>
        <summary>As a file for penstock test</summary>
        <Code label="TOML" text={asToml(text)} />
      </details>
    </Section>
  );
}

/** The tests of a text. Throws an Error that says what is wrong with it. */
function testsIn(text: string): ConfigTest[] {
  const { value, problem } = readJson(text);
  if (problem) throw new Error(`The tests are no JSON: line ${problem.line}: ${problem.message}.`);
  if (!Array.isArray(value) || value.length === 0) throw new Error("The tests must be an array of objects.");
  if (value.length > MOST) throw new Error(`There are ${value.length} tests, and ${MOST} at most are run here.`);
  return value.map((each: unknown, index) => {
    const test = each as ConfigTest & Record<string, unknown>;
    if (typeof each !== "object" || each === null || typeof test.name !== "string") {
      throw new Error(`Test ${index + 1} is no object with a name.`);
    }
    const unknown = Object.keys(test).find((name) => name !== "name" && ![...ASKED, ...EXPECTED].includes(name as "seed"));
    if (unknown !== undefined) throw new Error(`The test ${test.name} has a member that is not known: ${unknown}.`);
    if (EXPECTED.every((name) => test[name] === undefined)) throw new Error(`The test ${test.name} expects nothing.`);
    return test;
  });
}

async function differencesOf(config: unknown, test: ConfigTest): Promise<string[]> {
  const asked = Object.fromEntries(ASKED.filter((name) => test[name] !== undefined).map((name) => [name, test[name]]));
  let found: Explanation;
  try {
    found = await explain({ config, ...asked });
  } catch (problem) {
    return [(problem as Error).message];
  }
  const attempts = found.steps.filter((step) => step.step === "attempt").map((step) => `${step.target} ${step.result}`);
  const came = { status: found.status, target: found.target, retry_count: found.retry_count };
  const lines: string[] = [];
  if (test.attempts && JSON.stringify(test.attempts) !== JSON.stringify(attempts)) {
    lines.push(`attempts: expected ${test.attempts.join(", ") || "none"}; found ${attempts.join(", ") || "none"}`);
  }
  for (const name of ["status", "target", "retry_count"] as const) {
    const expected = test[name];
    if (expected !== undefined && expected !== came[name]) lines.push(`${name}: expected ${expected}, found ${came[name] ?? "none"}`);
  }
  for (const [name, most, took] of [["waits", test.waits_at_most, found.waited], ["time", test.time_at_most, found.seconds]] as const) {
    if (most !== undefined && took > most) lines.push(`${name}: expected at most ${most} s, found ${took} s`);
  }
  return lines;
}

/** The tests as TOML, beside a config in a file of its own. */
function asToml(text: string): string {
  let tests: ConfigTest[];
  try {
    tests = testsIn(text);
  } catch (problem) {
    return `# ${(problem as Error).message}`;
  }
  const blocks = tests.map((test) =>
    ["[[test]]", ...Object.entries(test).filter(([, value]) => value !== null).map(([name, value]) => `${name} = ${tomlOf(value)}`)].join("\n"),
  );
  return ['config = "config.json"', ...blocks].join("\n\n");
}

/** A value in one line. TOML knows no null: such members are left out. */
function tomlOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.filter((each) => each !== null).map(tomlOf).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, each]) => each !== null);
    return `{ ${members.map(([name, each]) => `${JSON.stringify(name)} = ${tomlOf(each)}`).join(", ")} }`;
  }
  return JSON.stringify(value);
}
