/** What a config would do, drawn as a tree with the path that a request takes. Nothing is sent to a provider. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useDraft } from "../draft";
import { explain, type ExplainedGuard, type Explanation, type Step } from "../gateway";
import { readJson } from "../json_text";
import { asError, useAction } from "../load";
import { AreaField, Badge, Form, Section, TextField } from "../ui";
import { MissingGatewayKey } from "./gateway_key";

interface Node {
  path: string;
  name: string;
  detail: string;
  children: Node[];
}

interface ConfigJson {
  name?: string;
  provider?: string;
  virtual_key?: string;
  weight?: number;
  strategy?: { mode?: string; conditions?: { query?: unknown; then?: string }[]; default?: string };
  targets?: ConfigJson[];
  retry?: { attempts?: number };
  override_params?: { model?: string };
}

/** The tree of a config. Paths are those of the explanation: `config` for the whole, `targets[0].targets[1]` below. */
function treeOf(config: ConfigJson, path = "", parent?: ConfigJson): Node {
  const mode = config.strategy?.mode;
  const targets = Array.isArray(config.targets) ? config.targets : [];
  const facts = [
    config.override_params?.model && `model ${config.override_params.model}`,
    config.weight !== undefined && `weight ${config.weight}`,
    config.retry?.attempts && `${config.retry.attempts} ${config.retry.attempts === 1 ? "retry" : "retries"}`,
    ...(parent?.strategy?.conditions ?? [])
      .filter((each) => each.then !== undefined && each.then === config.name)
      .map((each) => `if ${JSON.stringify(each.query)}`),
    parent?.strategy?.default !== undefined && parent.strategy.default === config.name && "otherwise",
  ];
  return {
    path: path || "config",
    name: targets.length ? (mode ?? "single") : (config.provider ?? config.virtual_key ?? "the request's provider"),
    detail: [config.name, ...facts].filter(Boolean).join(" · "),
    children: targets.map((each, index) => treeOf(each, `${path ? `${path}.` : ""}targets[${index}]`, config)),
  };
}

/** `place`: where the config is typed. */
export function Explain(props: { place: string; config: unknown; onProblems: (message: string) => void }): JSX.Element {
  const draft = useDraft(`${props.place}?explain`, () => ({ faults: "", metadata: "", request: "" }), { isScratch: true });
  const { faults, metadata, request } = draft.value;
  const [result, setResult] = useState<Explanation>();
  const action = useAction();
  const run = async (): Promise<void> => {
    setResult(undefined);
    props.onProblems("");
    await action.run(async () => {
      const body = {
        config: props.config,
        ...(faults.trim() ? { faults: faults.trim() } : {}),
        ...(metadata.trim() ? { metadata: parsed("Metadata", metadata) } : {}),
        ...(request.trim() ? { request: parsed("Request", request) } : {}),
      };
      try {
        setResult(await explain(body));
      } catch (problem) {
        const { message } = asError(problem);
        if (/config\.|'\w|The config/.test(message)) props.onProblems(message);
        throw problem;
      }
    });
  };
  const tree = isObject(props.config) ? treeOf(props.config as ConfigJson) : undefined;
  return (
    <Section title="Explain" hint="which targets a request would reach; nothing is sent">
      {tree && (
        <ul class="tree" aria-label="The config as a tree">
          <Branch node={tree} steps={result?.steps ?? []} reached={result?.target ?? null} />
        </ul>
      )}
      {result && <Outcome result={result} />}
      {result && <Guards guards={result.guards ?? []} />}
      <Form
        action={action}
        submit="Explain"
        onSubmit={() => void run()}
      >
        <TextField
          label="Faults"
          wide
          value={faults}
          onValue={(typed) => draft.change({ faults: typed })}
          placeholder="targets[0]=429|503"
          hint="What goes wrong at which target: 429, 503, stall, refused, cut … (docs/explain.md)"
        />
        <AreaField label="Metadata" rows={2} value={metadata} onValue={(typed) => draft.change({ metadata: typed })} placeholder='{"team": "search"}' />
        <MissingGatewayKey />
        <AreaField label="Request" rows={2} value={request} onValue={(typed) => draft.change({ request: typed })} placeholder='{"model": "…", "messages": []}' />
      </Form>
    </Section>
  );
}

/** What the JSON in a field says; an error that names the field and the line. */
function parsed(field: string, text: string): unknown {
  const { value, problem } = readJson(text);
  if (problem) throw new Error(`${field}, line ${problem.line}: ${problem.message}`);
  return value;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value);

function Branch(props: { node: Node; steps: Step[]; reached: string | null }): JSX.Element {
  const { node } = props;
  const mine = props.steps.filter((step) => step.target === node.path);
  const isOnPath = props.steps.some((step) => within(step.target, node.path));
  const isEnd = props.reached === node.path;
  return (
    <li class={`${isOnPath ? "on-path" : ""} ${isEnd ? "end" : ""}`}>
      <div class="node">
        <strong>{node.name}</strong> {node.detail && <span class="hint">{node.detail}</span>}
        {isOnPath && node.children.length > 0 && <span class="hidden"> (on the path)</span>}
        {mine.map((step, index) => (
          <Badge key={index} text={inWords(step)} tone={step.step === "attempt" ? (step.result === "200" ? "good" : "bad") : "warn"} />
        ))}
      </div>
      {node.children.length > 0 && (
        <ul>
          {node.children.map((child) => (
            <Branch key={child.path} node={child} steps={props.steps} reached={props.reached} />
          ))}
        </ul>
      )}
    </li>
  );
}

const within = (target: string | undefined, path: string): boolean =>
  target !== undefined && (path === "config" || target === path || target.startsWith(`${path}.`));

function inWords(step: Step): string {
  const again = step.retry ? `retry ${step.retry}: ` : "";
  const took = step.seconds ? ` after ${step.seconds} s` : "";
  const why = step.why?.length ? ` (${step.why.join(", ")})` : "";
  return step.step === "attempt" ? `${again}${step.result}${took}${why}` : `${step.step} ${step.seconds ?? ""} s${why}`;
}

/** The guards of each target, in the order in which they judge. */
function Guards(props: { guards: ExplainedGuard[] }): JSX.Element | null {
  if (props.guards.length === 0) return null;
  return (
    <ul aria-label="Guards">
      {props.guards.map((each, index) => (
        <li key={index}>
          <code>{each.target}</code> {each.phase === "before" ? "request" : "answer"}: <strong>{each.guard}</strong>{" "}
          <span class="hint">
            {each.checks.join(", ")}; {each.deny ? "denies" : "marks"}
            {each.manner !== "enforce" && `, ${each.manner}`}
            {each.stream && `, streams: ${each.stream}`}
          </span>{" "}
          {each.verdict && <Badge text={each.verdict} tone={each.verdict === "denied" || each.verdict === "failed" ? "bad" : "good"} />}
          {each.changed !== null && <span class="hint"> leaves “{each.changed}”</span>}
        </li>
      ))}
    </ul>
  );
}

function Outcome(props: { result: Explanation }): JSX.Element {
  const { result } = props;
  return (
    <p role="status">
      <Badge text={String(result.status)} tone={result.status === 200 ? "good" : "bad"} />{" "}
      {result.target ? (
        <>
          from <code>{result.target}</code>
        </>
      ) : (
        "from no target"
      )}{" "}
      after {result.seconds} s, {result.attempts} of at most {result.most_attempts} attempts. {result.message}
    </p>
  );
}
