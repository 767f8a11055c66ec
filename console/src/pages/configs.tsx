import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { get, list, post, put, remove } from "../api";
import { forgetDrafts, useDraft } from "../draft";
import { ago, time } from "../format";
import { diff, type JsonProblem, problemsOf, readJson } from "../json_text";
import { asError, useAction, useLoad } from "../load";
import { go, goLater, link } from "../route";
import { may } from "../session";
import { Badge, Button, CheckField, Confirm, Failure, LoadedView, OfBefore, Opens, Page, RowName, SaveState, Section, SelectField, Table, TextField } from "../ui";
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
  const { id } = props;
  // The page on which a config was made goes on as that config's page, with all that is typed there.
  const made = useRef({ slug: "", turn: 0 });
  // Whoever comes to it anew begins another config. It may be drawn once more on its way to the address of the one made.
  const last = useRef(id);
  if (id === "new" && last.current !== "new" && made.current.slug) made.current = { slug: "", turn: made.current.turn + 1 };
  last.current = id;
  if (!id) return <AllConfigs />;
  const isMadeHere = id === "new" || id === made.current.slug;
  return (
    <OneConfig
      key={isMadeHere ? `new ${made.current.turn}` : id}
      slug={id === "new" ? "" : id}
      onMade={(slug) => {
        made.current.slug = slug;
      }}
    />
  );
}

function AllConfigs(): JSX.Element {
  const loaded = useLoad(() => list<Config>("/configs"), []);
  return (
    <Page
      title="Configs"
      lead="Routing under a name: fallbacks, weights, conditions, retries, cache."
      actions={
        may("configs.create") && (
          <Opens look="main" place={link("configs", "new")} onClick={() => go("configs/new")}>
            New config
          </Opens>
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
                    <RowName to={may("configs.read") && link("configs", each.slug)}>{each.name || each.slug}</RowName>{" "}
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

interface Stored {
  config: Config;
  versions: Version[];
}

/** The page of a config; without a slug, of one that is to be made. */
function OneConfig(props: { slug: string; onMade: (slug: string) => void }): JSX.Element {
  const { slug, onMade } = props;
  const path = `/configs/${encodeURIComponent(slug)}`;
  const loaded = useLoad<Stored | undefined>(async () => {
    if (!slug) return undefined;
    const config = await get<Config>(path);
    const versions = await list<Version>(`${path}/versions`).catch(() => ({ data: [] as Version[], total: 0 }));
    return { config, versions: versions.data };
  }, [slug]);
  const [isNew] = useState(slug === "");
  const view = (stored?: Stored): JSX.Element => <ConfigView stored={stored} onMade={onMade} reload={loaded.reload} />;
  if (!isNew) return <LoadedView loaded={loaded}>{view}</LoadedView>;
  return (
    <>
      <Failure error={loaded.error} />
      {view(loaded.data)}
    </>
  );
}

function ConfigView(props: { stored: Stored | undefined; onMade: (slug: string) => void; reload: () => void }): JSX.Element {
  const config = props.stored?.config;
  // Known as soon as a config is made: what is saved then changes that one.
  const [slug, setSlug] = useState(config?.slug ?? "");
  const place = link("configs", slug || "new");
  const draft = useDraft(place, () => ({
    text: config ? asText(config.config) : pretty(EXAMPLE),
    name: config?.name ?? "",
    isDefault: Boolean(config?.is_default),
  }));
  const { text, name, isDefault } = draft.value;
  const [warnings, setWarnings] = useState<string[]>([]);
  const [refused, setRefused] = useState<JsonProblem[]>([]);
  const [isDeleting, setDeleting] = useState(false);
  const action = useAction();
  const reading = readJson(text);
  const problems = reading.problem ? [reading.problem] : refused;
  const maySave = slug ? may("configs.update") && !config?.penstock_source : may("configs.create");
  const save = async (): Promise<void> => {
    setRefused([]);
    const body = { name, config: reading.value, is_default: isDefault ? 1 : 0 };
    const from = window.location.hash;
    try {
      if (slug) {
        const { warnings = [] } = await put<{ warnings?: string[] }>(`/configs/${encodeURIComponent(slug)}`, body);
        setWarnings(warnings);
        props.reload();
        return;
      }
      const made = await post<{ slug: string; warnings?: string[] }>("/configs", body);
      setWarnings(made.warnings ?? []);
      setSlug(made.slug);
      props.onMade(made.slug);
      if (window.location.hash === from) go(`configs/${encodeURIComponent(made.slug)}`);
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
              void draft.save(action, save);
            }}
          >
            <OfBefore draft={draft} />
            <TextField label="Name" required value={name} onValue={(typed) => draft.change({ name: typed })} disabled={!maySave} />
            <Editor label="Config in JSON" text={text} onText={(typed) => draft.change({ text: typed })} problems={problems} readOnly={!maySave} />
            <CheckField label="Serves requests of the workspace that name nothing else" value={isDefault} onValue={(on) => draft.change({ isDefault: on })} />
            <Failure error={refused.length ? undefined : action.error} />
            <footer>
              {maySave && (
                <Button type="submit" look="main" disabled={action.isBusy || Boolean(reading.problem)}>
                  Save
                </Button>
              )}
              <Button disabled={Boolean(reading.problem)} onClick={() => draft.change({ text: pretty(reading.value) })}>
                Format
              </Button>
              <SaveState draft={draft} more={warnings} />
            </footer>
          </form>
        </Section>
        <Explain
          place={place}
          config={reading.problem ? undefined : reading.value}
          onProblems={(message) => setRefused(message ? problemsOf(message, reading.lines) : [])}
        />
      </div>
      <ConfigTests config={reading.problem ? undefined : reading.value} slug={slug} place={place} />
      {props.stored && props.stored.versions.length > 0 && (
        <Versions
          versions={props.stored.versions}
          text={reading.problem ? text : pretty(reading.value)}
          slug={slug}
          onBack={(version) => {
            // This text is the one of the moment when the button was pressed: what was typed since then stays.
            draft.change((now) => (now.text === text ? { text: asText(version.config) } : {}));
            props.reload();
          }}
        />
      )}
      {isDeleting && config && <DeleteConfig config={config} onClose={() => setDeleting(false)} />}
    </Page>
  );
}

function Versions(props: { versions: Version[]; text: string; slug: string; onBack: (version: Version) => void }): JSX.Element {
  const [chosen, setChosen] = useState("");
  const version = props.versions.find((each) => each.version_id === chosen) ?? props.versions[0];
  const action = useAction();
  const changed = diff(asText(version?.config ?? ""), props.text);
  return (
    <Section title="Versions" hint="what differs between a version and the text above">
      <div class="filters roomy">
        <SelectField
          label="Version"
          value={version?.version_id ?? ""}
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
                .run(() => put(`/configs/${encodeURIComponent(props.slug)}`, { version_id: version.version_id }))
                .then((isDone) => isDone && props.onBack(version))
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
        void action.run(() => remove(path, isUsed ? { force: true } : {})).then((isDone) => {
          if (!isDone) return;
          forgetDrafts(link("configs", props.config.slug));
          next();
        });
      }}
    />
  );
}
