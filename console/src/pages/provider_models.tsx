import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { api, asQuery, get, put } from "../api";
import { useDraft } from "../draft";
import { useAction, useLoad } from "../load";
import { link } from "../route";
import { Badge, Button, CheckField, Dialog, Failure, Form, LoadedView, Opens, problemOf, Section, Table, TextField } from "../ui";

interface Model {
  slug: string;
  enabled: boolean;
  is_custom: boolean;
  base_model_slug?: string | null;
}

interface Models {
  allow_all_models: boolean;
  models: Model[];
}

/** Which models may be called with a credential that providers share, and names that the host does not know. Nothing
 * for a provider with a credential of its own. */
export function ProviderModels(props: { slug: string; integration: string; mayUpdate: boolean }): JSX.Element | null {
  const place = `${link("providers", props.slug)}?model`;
  const path = `/integrations/${encodeURIComponent(props.integration)}/models`;
  const loaded = useLoad(() => get<Models>(path), [path]);
  const [isNew, setNew] = useState(false);
  const action = useAction();
  const change = (body: unknown): void => void action.run(() => put(path, body)).then((isDone) => isDone && loaded.reload());
  const remove = (slug: string): void =>
    void action.run(() => api("DELETE", path + asQuery({ slugs: slug }))).then((isDone) => isDone && loaded.reload());
  if (loaded.error?.isMissing || (loaded.data === undefined && loaded.isLoading)) return null;
  return (
    <Section
      title="Models"
      hint="of this credential, for every provider that uses it"
      actions={
        props.mayUpdate && (
          <Opens place={place} onClick={() => setNew(true)}>
            Add model
          </Opens>
        )
      }
    >
      <Failure error={action.error} />
      <LoadedView loaded={loaded}>
        {({ allow_all_models, models }) => (
          <>
            {props.mayUpdate ? (
              <CheckField
                label="Every model of the host may be called"
                value={allow_all_models}
                onValue={(allow) => change({ allow_all_models: allow })}
              />
            ) : (
              <p>{allow_all_models ? "Every model of the host may be called." : "Only these models may be called."}</p>
            )}
            <Table
              caption="Models"
              rows={models}
              id={(each) => each.slug}
              empty={<p>{allow_all_models ? "Nothing is said of single models." : "No model may be called: add one."}</p>}
              columns={[
                { name: "Model", cell: (each) => <code>{each.slug}</code>, sort: (each) => each.slug },
                { name: "Stands for", cell: (each) => (each.base_model_slug ? <code>{each.base_model_slug}</code> : "itself") },
                { name: "Status", cell: (each) => <Badge text={each.enabled ? "active" : "disabled"} /> },
                {
                  name: "",
                  cell: (each) =>
                    props.mayUpdate &&
                    (each.is_custom ? (
                      <Button onClick={() => remove(each.slug)} aria-label={`Remove ${each.slug}`}>
                        Remove
                      </Button>
                    ) : (
                      !allow_all_models && (
                        <Button
                          onClick={() => change({ models: [{ slug: each.slug, enabled: !each.enabled }] })}
                          aria-label={`${each.enabled ? "Switch off" : "Switch on"} ${each.slug}`}
                        >
                          {each.enabled ? "Switch off" : "Switch on"}
                        </Button>
                      )
                    )),
                },
              ]}
            />
          </>
        )}
      </LoadedView>
      {isNew && (
        <NewModel
          path={path}
          place={place}
          onClose={(isDone) => {
            setNew(false);
            if (isDone) loaded.reload();
          }}
        />
      )}
    </Section>
  );
}

function NewModel(props: { path: string; place: string; onClose: (isDone: boolean) => void }): JSX.Element {
  const draft = useDraft(props.place, () => ({ slug: "", base: "" }));
  const { value, change } = draft;
  const action = useAction();
  const add = ({ slug, base }: typeof value): Promise<unknown> =>
    put(props.path, { models: [{ slug, enabled: true, ...(base ? { is_custom: true, base_model_slug: base } : {}) }] });
  return (
    <Dialog title="Add a model" onClose={() => props.onClose(false)}>
      <Form
        action={action}
        submit="Add model"
        isClosing
        draft={draft}
        onCancel={() => props.onClose(false)}
        onSubmit={() => void draft.save(action, add).then((isDone) => isDone && props.onClose(true))}
      >
        <TextField
          label="Model"
          required
          value={value.slug}
          onValue={(slug) => change({ slug })}
          error={problemOf(action, "models")}
          hint="As callers write it after the slug, or a pattern: gpt-5*"
        />
        <TextField label="Stands for" value={value.base} onValue={(base) => change({ base })} hint="Whose prices and limits it has. Empty: its own" />
      </Form>
    </Dialog>
  );
}
