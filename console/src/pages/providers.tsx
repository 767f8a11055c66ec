import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get, list, post, put, remove } from "../api";
import { type Budget, BudgetBar, readBudgets, ResetUsage } from "../budgets";
import { changed, forgetDrafts, useDraft } from "../draft";
import { ago, localInput } from "../format";
import { inWords, LimitFields, limitsBody, limitsDraft, type Limited } from "../limits";
import { useAction, useLoad } from "../load";
import { goLater, link } from "../route";
import { may, session } from "../session";
import { pairs } from "../text_lists";
import { AreaField, Badge, Button, Confirm, Dialog, Form, LoadedView, Opens, Page, problemOf, RowName, Section, SelectField, Table, TextField } from "../ui";
import { ProviderModels } from "./provider_models";
import { TestProvider } from "./test_provider";

interface Provider extends Limited {
  id: string;
  slug: string;
  name: string;
  note: string | null;
  status: string;
  workspace_id: string | null;
  integration_id: string | null;
  expires_at: string | null;
  ai_provider_id: string;
  penstock_source?: string;
}

interface Integration {
  slug: string;
  name: string;
  masked_key: string | null;
  ai_provider_id: string;
  workspace_id: string | null;
  secret_mappings: { target_field: string; secret_reference_id: string }[];
}

/** Hosts that people use most; the gateway knows many more, and says so where a name is wrong. */
const HOSTS =
  "anthropic azure-openai bedrock cerebras cohere deepseek echo fireworks-ai google groq huggingface mistral-ai ollama openai openrouter perplexity-ai sagemaker together-ai vertex-ai x-ai".split(
    " ",
  );

export function Providers(props: { id: string }): JSX.Element {
  return props.id ? <OneProvider key={props.id} slug={props.id} /> : <AllProviders />;
}

function AllProviders(): JSX.Element {
  const loaded = useLoad(async () => {
    const [providers, integrations, budgets] = await Promise.all([
      list<Provider>("/providers"),
      may("organisation_integrations.list", "workspace_integrations.list")
        ? list<Integration>("/integrations")
        : { data: [] as Integration[] },
      readBudgets().catch(() => [] as Budget[]),
    ]);
    return { providers: providers.data, integrations: new Map(integrations.data.map((each) => [each.slug, each])), budgets };
  }, []);
  const [isNew, setNew] = useState(false);
  const [tested, setTested] = useState<Provider>();
  return (
    <Page
      title="Providers"
      lead="Credentials at hosts, under the names that callers write: @name/model."
      actions={
        may("virtual_keys.create") && (
          <Opens look="main" place={NEW} onClick={() => setNew(true)}>
            Add provider
          </Opens>
        )
      }
    >
      <LoadedView loaded={loaded}>
        {({ providers, integrations, budgets }) => (
          <Table
            caption="Providers"
            rows={providers}
            id={(each) => each.slug}
            empty={<p>No providers yet. Add one with the key that its host gave you; the built-in provider echo needs none.</p>}
            columns={[
              {
                name: "Name",
                cell: (each) => (
                  <>
                    <RowName to={may("providers.read") && link("providers", each.slug)}>{each.name || each.slug}</RowName>{" "}
                    <code>@{each.slug}</code>
                  </>
                ),
                sort: (each) => each.name,
              },
              { name: "Host", short: true, cell: (each) => each.ai_provider_id, sort: (each) => each.ai_provider_id },
              { name: "Status", cell: (each) => <Badge text={each.status} />, sort: (each) => each.status },
              { name: "Credential", short: true, cell: (each) => <Credential of={integrations.get(each.integration_id ?? "")} /> },
              {
                name: "Limits",
                cell: (each) => {
                  const own = budgets.filter((budget) => budget.owner_id === each.id);
                  return own.length ? own.map((budget) => <BudgetBar key={budget.type} budget={budget} />) : inWords(each) || "none";
                },
              },
              { name: "Expires", short: true, cell: (each) => (each.expires_at ? ago(each.expires_at) : "never"), sort: (each) => each.expires_at ?? "9" },
              {
                name: "",
                cell: (each) => (
                  <Button onClick={() => setTested(each)} aria-label={`Test ${each.slug}`}>
                    Test
                  </Button>
                ),
              },
            ]}
          />
        )}
      </LoadedView>
      {isNew && (
        <NewProvider
          onClose={() => setNew(false)}
          onMade={() => {
            setNew(false);
            loaded.reload();
          }}
        />
      )}
      {tested && <TestProvider slug={tested.slug} host={tested.ai_provider_id} onClose={() => setTested(undefined)} />}
    </Page>
  );
}

function Credential(props: { of: Integration | undefined }): JSX.Element {
  if (!props.of) return <span class="hint">its own</span>;
  const references = props.of.secret_mappings.map((each) => each.secret_reference_id).join(", ");
  return <code>{references || props.of.masked_key || "none"}</code>;
}

/** Where a provider that is to be added is typed. */
const NEW = `${link("providers")}?new`;

function NewProvider(props: { onClose: () => void; onMade: () => void }): JSX.Element {
  const draft = useDraft(NEW, () => ({ host: "", name: "", slug: "", key: "", settings: "" }), { secrets: ["key"] });
  const { value, change } = draft;
  const action = useAction();
  const make = ({ host, name, slug, key, settings }: typeof value): Promise<unknown> => {
    const isReference = /^(env|file):/.test(key);
    return post("/virtual-keys", {
      name: name || host,
      provider: host.trim(),
      ...(slug ? { slug } : {}),
      ...(key && !isReference ? { key } : {}),
      ...(isReference ? { secret_mappings: [{ target_field: "key", secret_reference_id: key }] } : {}),
      ...pairs(settings),
    });
  };
  return (
    <Dialog title="Add provider" onClose={props.onClose} wide>
      <Form
        action={action}
        submit="Add provider"
        isClosing
        draft={draft}
        onCancel={props.onClose}
        onSubmit={() => void draft.save(action, make).then((isDone) => isDone && props.onMade())}
      >
        <TextField
          label="Host"
          required
          value={value.host}
          options={HOSTS}
          onValue={(host) => change({ host })}
          error={problemOf(action, "provider")}
          hint="openai, anthropic, bedrock, …"
        />
        <TextField label="Name" value={value.name} onValue={(name) => change({ name })} error={problemOf(action, "name")} />
        <TextField
          label="Slug"
          value={value.slug}
          onValue={(slug) => change({ slug })}
          error={problemOf(action, "slug")}
          hint="What callers write: @slug/model. Empty: made of the name"
        />
        <TextField
          label="Credential"
          type="password"
          wide
          autocomplete="new-password"
          value={value.key}
          onValue={(key) => change({ key })}
          error={problemOf(action, "key") ?? problemOf(action, "secret_mappings")}
          hint={
            session().keeps_secrets
              ? "The host's API key, which is kept encrypted; or env:NAME, file:PATH where it stays outside"
              : "This gateway has no key that encrypts secrets (penstock secrets new-key): write env:NAME or file:PATH"
          }
        />
        <AreaField
          label="Settings"
          wide
          value={value.settings}
          onValue={(settings) => change({ settings })}
          hint="NAME=VALUE, one a line: custom_host=https://…, aws_region=us-east-1, resource_name=…"
        />
      </Form>
    </Dialog>
  );
}

function OneProvider(props: { slug: string }): JSX.Element {
  const path = `/providers/${encodeURIComponent(props.slug)}`;
  const loaded = useLoad(() => get<Provider>(path), [props.slug]);
  return (
    <LoadedView loaded={loaded}>{(entry) => <ProviderView entry={entry} path={path} reload={loaded.reload} />}</LoadedView>
  );
}

const providerDraft = (entry: Provider) => ({
  name: entry.name,
  note: entry.note ?? "",
  status: entry.status === "disabled" ? "disabled" : "active",
  expires: localInput(entry.expires_at),
  limits: limitsDraft(entry),
});

const providerBody = (draft: ReturnType<typeof providerDraft>): Record<string, unknown> => ({
  name: draft.name,
  note: draft.note || null,
  status: draft.status,
  expires_at: draft.expires ? new Date(draft.expires).toISOString() : null,
  ...limitsBody(draft.limits),
});

function ProviderView(props: { entry: Provider; path: string; reload: () => void }): JSX.Element {
  const { entry, path } = props;
  const [open, setOpen] = useState<"test" | "delete" | "credential" | "reset">();
  const draft = useDraft(link("providers", entry.slug), () => providerDraft(entry));
  const { value, change } = draft;
  const action = useAction();
  const save = async (): Promise<void> => {
    const isDone = await draft.save(action, (after, before) => put(path, changed(providerBody(after), providerBody(before))));
    if (isDone) props.reload();
  };
  const isOfFile = Boolean(entry.penstock_source);
  return (
    <Page
      title={entry.name || entry.slug}
      lead={
        <>
          <Badge text={entry.status} /> <code>@{entry.slug}</code> at {entry.ai_provider_id}
        </>
      }
      actions={
        <>
          <Button look="main" onClick={() => setOpen("test")}>
            Test
          </Button>
          {!isOfFile && may("virtual_keys.update") && <Button onClick={() => setOpen("credential")}>New credential</Button>}
          {!isOfFile && may("providers.delete", "virtual_keys.delete") && (
            <Button look="danger" onClick={() => setOpen("delete")}>
              Delete
            </Button>
          )}
        </>
      }
    >
      <p>
        <a href={link("providers")}>← All providers</a>
      </p>
      {isOfFile && <p class="notice">This provider stands in penstock.toml, and is changed there.</p>}
      <Section
        title="Edit"
        actions={
          !isOfFile &&
          inWords(entry) !== "" &&
          may("providers.update") && (
            <Button onClick={() => setOpen("reset")}>Reset usage</Button>
          )
        }
      >
        <Form
          action={action}
          submit="Save"
          readOnly={isOfFile || !may("providers.update")}
          onSubmit={() => void save()}
          draft={draft}
        >
          <TextField label="Name" value={value.name} onValue={(name) => change({ name })} error={problemOf(action, "name")} />
          <SelectField
            label="Status"
            value={value.status}
            onValue={(status) => change({ status })}
            options={[
              ["active", "active"],
              ["disabled", "disabled"],
            ]}
          />
          <TextField
            label="Expires"
            type="datetime-local"
            value={value.expires}
            onValue={(expires) => change({ expires })}
            error={problemOf(action, "expires_at")}
            hint="Empty: never"
          />
          <AreaField label="Note" wide rows={2} value={value.note} onValue={(note) => change({ note })} />
          <LimitFields draft={value.limits} onChange={(limits) => change({ limits })} />
        </Form>
      </Section>
      {entry.integration_id && may("organisation_integrations.read", "workspace_integrations.read") && (
        <ProviderModels
          slug={entry.slug}
          integration={entry.integration_id}
          mayUpdate={!isOfFile && may("organisation_integrations.update", "workspace_integrations.update")}
        />
      )}
      {may("configs.list") && <ModelHint slug={entry.slug} />}
      {open === "test" && <TestProvider slug={entry.slug} host={entry.ai_provider_id} onClose={() => setOpen(undefined)} />}
      {open === "credential" && <NewCredential slug={entry.slug} onClose={() => setOpen(undefined)} />}
      {open === "reset" && (
        <ResetUsage
          name={entry.name || entry.slug}
          path={path}
          onClose={(isDone) => {
            setOpen(undefined);
            if (isDone) props.reload();
          }}
        />
      )}
      {open === "delete" && <DeleteProvider entry={entry} onClose={() => setOpen(undefined)} />}
    </Page>
  );
}

function ModelHint(props: { slug: string }): JSX.Element {
  return (
    <p class="hint">
      Callers write <code>@{props.slug}/MODEL</code> as the model. Which keys may is said by the key's allowed models and
      providers.
    </p>
  );
}

function NewCredential(props: { slug: string; onClose: () => void }): JSX.Element {
  const draft = useDraft(`${link("providers", props.slug)}?credential`, () => ({ key: "" }), { secrets: ["key"] });
  const { key } = draft.value;
  const action = useAction();
  return (
    <Dialog title={`New credential of @${props.slug}`} onClose={props.onClose}>
      <Form
        action={action}
        submit="Replace credential"
        isClosing
        onCancel={props.onClose}
        draft={draft}
        onSubmit={() =>
          void draft
            .save(action, (typed) => put(`/virtual-keys/${encodeURIComponent(props.slug)}`, typed))
            .then((isDone) => isDone && props.onClose())
        }
      >
        <TextField label="API key of the host" type="password" wide required autocomplete="new-password" value={key} onValue={(typed) => draft.change({ key: typed })} error={problemOf(action, "key")} />
      </Form>
    </Dialog>
  );
}

function DeleteProvider(props: { entry: Provider; onClose: () => void }): JSX.Element {
  const { slug, name } = props.entry;
  const action = useAction();
  const isUsed = action.error?.status === 409;
  return (
    <Confirm
      title={`Delete ${name || slug}?`}
      text={isUsed ? "Delete it all the same?" : "Requests that name it fail from now on. Its credential is deleted, too, unless other providers use it."}
      submit={isUsed ? "Delete all the same" : "Delete provider"}
      action={action}
      onClose={props.onClose}
      onConfirm={() => {
        const next = goLater("providers");
        void action
          .run(() => remove(`/virtual-keys/${encodeURIComponent(slug)}`, isUsed ? { force: true } : {}))
          .then((isDone) => {
            if (!isDone) return;
            forgetDrafts(link("providers", slug));
            next();
          });
      }}
    />
  );
}
