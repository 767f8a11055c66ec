import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, list, post, put, remove } from "../api";
import { ago, time } from "../format";
import { diff, type JsonProblem, problemsOf, readJson } from "../json_text";
import { asError, useAction, useLoad } from "../load";
import { go, goLater, link } from "../route";
import { may } from "../session";
import { Badge, Button, CheckField, Confirm, Failure, LoadedView, Page, Section, SelectField, Table, TextField } from "../ui";
import { ConfigTests } from "./config_tests";
import { Editor } from "./editor";
import { Explain } from "./explain";

interface Config {
  id: string;
  slug: string;
  name: string;
  is_default: number;
  status: string;
  updated_by: string;
  last_updated_at: string;
  config: string;
  version_id: string;
  penstock_source?: string;
}

interface Version extends Config {
  version: number;
  is_current: boolean;
}

const EXAMPLE = {
  strategy: { mode: "fallback" },
  targets: [{ provider: "echo", retry: { attempts: 2 } }, { provider: "echo" }],
};

const pretty = (value: unknown): string => JSON.stringify(value, null, 2);

/** A stored config as text of several lines; what is no JSON stays. */
function asText(config: string): string {
  const { value, problem } = readJson(config);
  return problem ? config : pretty(value);
}

export function Configs(props: { id: string }): JSX.Element {
  if (!props.id) return <AllConfigs />;
  return props.id === "new" ? <ConfigView /> : <OneConfig key={props.id} slug={props.id} />;
}

function AllConfigs(): JSX.Element {
  const loaded = useLoad(() => list<Config>("/configs"), []);
  return (
    <Page
      title="Configs"
      lead="Routing under a name: fallbacks, weights, conditions, retries, cache."
      actions={
        may("configs.create") && (
          <Button look="main" onClick={() => go("configs/new")}>
            New config
          </Button>
        )
      }
    >
      <LoadedView loaded={loaded}>
        {(configs) => (
          <Table
            caption="Configs"
            rows={configs.data}
            id={(each) => each.slug}
            empty={<p>No configs yet. A key or a request names one in x-portkey-config.</p>}
            columns={[
              {
                name: "Name",
                cell: (each) => (
                  <>
                    <a class="strong" href={link("configs", each.slug)}>
                      {each.name || each.slug}
                    </a>{" "}
                    {Boolean(each.is_default) && <Badge text="default" tone="good" />}
                  </>
                ),
                sort: (each) => each.name,
              },
              { name: "Slug", short: true, cell: (each) => <code>{each.slug}</code>, sort: (each) => each.slug },
              { name: "Status", cell: (each) => <Badge text={each.penstock_source ? "in file" : each.status} /> },
              { name: "Changed", short: true, cell: (each) => ago(each.last_updated_at), sort: (each) => each.last_updated_at ?? "" },
              { name: "By", short: true, cell: (each) => <code>{each.updated_by}</code> },
            ]}
          />
        )}
      </LoadedView>
    </Page>
  );
}

function OneConfig(props: { slug: string }): JSX.Element {
  const path = `/configs/${encodeURIComponent(props.slug)}`;
  const loaded = useLoad(async () => {
    const config = await get<Config>(path);
    const versions = await list<Version>(`${path}/versions`).catch(() => ({ data: [] as Version[], total: 0 }));
    return { config, versions: versions.data };
  }, [props.slug]);
  return (
    <LoadedView loaded={loaded}>
      {({ config, versions }) => (
        <ConfigView key={config.version_id} config={config} versions={versions} reload={loaded.reload} />
      )}
    </LoadedView>
  );
}

function ConfigView(props: { config?: Config; versions?: Version[]; reload?: () => void }): JSX.Element {
  const { config } = props;
  const [text, setText] = useState(() => (config ? asText(config.config) : pretty(EXAMPLE)));
  const [name, setName] = useState(config?.name ?? "");
  const [isDefault, setDefault] = useState(Boolean(config?.is_default));
  const [told, setTold] = useState("");
  const [refused, setRefused] = useState<JsonProblem[]>([]);
  const [isDeleting, setDeleting] = useState(false);
  const action = useAction();
  const reading = readJson(text);
  const problems = reading.problem ? [reading.problem] : refused;
  const maySave = config ? may("configs.update") && !config.penstock_source : may("configs.create");
  const save = async (): Promise<void> => {
    setTold("");
    setRefused([]);
    const body = { name, config: reading.value, is_default: isDefault ? 1 : 0 };
    const from = window.location.hash;
    try {
      const made = config
        ? await put<{ warnings?: string[] }>(`/configs/${encodeURIComponent(config.slug)}`, body)
        : await post<{ slug: string; warnings?: string[] }>("/configs", body);
      if ("slug" in made && !config && window.location.hash === from) go(`configs/${encodeURIComponent(String(made.slug))}`);
      setTold(["Saved, in force within a second or two.", ...(made.warnings ?? [])].join(" "));
      props.reload?.();
    } catch (problem) {
      const error = asError(problem);
      const found = error.problems.filter((each) => each.pointer.startsWith("/config"));
      setRefused(found.flatMap((each) => problemsOf(each.message, reading.lines)));
      throw error;
    }
  };
  return (
    <Page
      title={config ? config.name || config.slug : "New config"}
      lead={config && <code>{config.slug}</code>}
      actions={
        config &&
        !config.penstock_source &&
        may("configs.delete") && (
          <Button look="danger" onClick={() => setDeleting(true)}>
            Delete
          </Button>
        )
      }
    >
      <p>
        <a href={link("configs")}>← All configs</a>
      </p>
      {config?.penstock_source && <p class="notice">This config stands in penstock.toml, and is changed there.</p>}
      <div class="columns">
        <Section title="Config">
          <form
            class="form"
            onSubmit={(event) => {
              event.preventDefault();
              void action.run(save);
            }}
          >
            <TextField label="Name" required value={name} onValue={setName} disabled={!maySave} />
            <Editor label="Config in JSON" text={text} onText={setText} problems={problems} readOnly={!maySave} />
            <CheckField label="Serves requests of the workspace that name nothing else" value={isDefault} onValue={setDefault} />
            <Failure error={refused.length ? undefined : action.error} />
            <footer>
              {maySave && (
                <Button type="submit" look="main" disabled={action.isBusy || Boolean(reading.problem)}>
                  Save
                </Button>
              )}
              <Button disabled={Boolean(reading.problem)} onClick={() => setText(pretty(reading.value))}>
                Format
              </Button>
              <span role="status">{told}</span>
            </footer>
          </form>
        </Section>
        <Explain
          config={reading.problem ? undefined : reading.value}
          onProblems={(message) => setRefused(message ? problemsOf(message, reading.lines) : [])}
        />
      </div>
      <ConfigTests config={reading.problem ? undefined : reading.value} slug={config?.slug ?? ""} />
      {props.versions && props.versions.length > 0 && (
        <Versions versions={props.versions} text={text} slug={config?.slug ?? ""} reload={props.reload} />
      )}
      {isDeleting && config && <DeleteConfig config={config} onClose={() => setDeleting(false)} />}
    </Page>
  );
}

function Versions(props: { versions: Version[]; text: string; slug: string; reload: (() => void) | undefined }): JSX.Element {
  const [chosen, setChosen] = useState(props.versions[0]?.version_id ?? "");
  const version = props.versions.find((each) => each.version_id === chosen);
  const action = useAction();
  const changed = diff(asText(version?.config ?? ""), props.text);
  return (
    <Section title="Versions" hint="what differs between a version and the text above">
      <div class="filters roomy">
        <SelectField
          label="Version"
          value={chosen}
          onValue={setChosen}
          options={props.versions.map(
            (each) => [each.version_id, `${each.version}${each.is_current ? " (in force)" : ""}, ${time(each.last_updated_at)}`] as const,
          )}
        />
        {version && !version.is_current && may("configs.update") && (
          <Button
            disabled={action.isBusy}
            onClick={() =>
              void action
                .run(() => put(`/configs/${encodeURIComponent(props.slug)}`, { version_id: chosen }))
                .then((isDone) => isDone && props.reload?.())
            }
          >
            Go back to it
          </Button>
        )}
      </div>
      <Failure error={action.error} />
      {changed.every((line) => line.kind === " ") ? (
        <p class="hint">No difference.</p>
      ) : (
        <pre class="diff" tabIndex={0} role="region" aria-label="Difference">
          {changed.map((line, index) => (
            <div key={index} class={line.kind === "+" ? "added" : line.kind === "-" ? "removed" : ""}>
              {line.kind} {line.text}
            </div>
          ))}
        </pre>
      )}
    </Section>
  );
}

function DeleteConfig(props: { config: Config; onClose: () => void }): JSX.Element {
  const action = useAction();
  const isUsed = action.error?.status === 409;
  const path = `/configs/${encodeURIComponent(props.config.slug)}`;
  return (
    <Confirm
      title={`Delete ${props.config.name}?`}
      text={isUsed ? "Delete it all the same?" : "Requests that name it fail from now on."}
      submit={isUsed ? "Delete all the same" : "Delete config"}
      action={action}
      onClose={props.onClose}
      onConfirm={() => {
        const next = goLater("configs");
        void action.run(() => remove(path, isUsed ? { force: true } : {})).then((isDone) => isDone && next());
      }}
    />
  );
}
