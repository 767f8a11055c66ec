import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { post } from "../api";
import { useAction } from "../load";
import { KEY_KINDS, mayKeys } from "../session";
import { Dialog, Form, problemOf, SelectField, TextField } from "../ui";
import { bodyOf, type KeyDraft, KeyFields, keyDraft } from "./key_fields";
import type { Made } from "./key_text";
import type { Key } from "./keys";
import { rotationBody, rotationDraft } from "./rotation";

const NAMES: Record<string, string> = {
  "workspace-service": "an application",
  "workspace-user": "a user",
  "organisation-service": "an administrator",
};

/** A dialog that makes a key, also one like another key. */
export function NewKey(props: { like?: Key; onClose: () => void; onMade: (made: Made) => void }): JSX.Element {
  const kinds = KEY_KINDS.filter((kind) => mayKeys("create", kind));
  const [kind, setKind] = useState<string>(props.like?.type ?? kinds[0] ?? "workspace-service");
  const [user, setUser] = useState(props.like?.user_id ?? "");
  const [draft, setDraft] = useState(() => {
    const copied = keyDraft(props.like, kind);
    if (!props.like) return copied;
    // The moment of another key's one rotation is not this one's.
    const rotation = copied.rotation.period === "once" ? rotationDraft() : copied.rotation;
    return { ...copied, name: `${copied.name} copy`, rotation };
  });
  const change = (more: Partial<KeyDraft>): void => setDraft((now) => ({ ...now, ...more }));
  const action = useAction();
  const make = async (): Promise<void> => {
    const body = {
      ...bodyOf(draft, kind === "organisation-service"),
      ...rotationBody(draft.rotation),
      ...(kind === "workspace-user" ? { user_id: user } : {}),
    };
    const named = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
    props.onMade(await post<Made>(`/api-keys/${kind.replace("-", "/")}`, named));
  };
  return (
    <Dialog title="New key" onClose={props.onClose} wide>
      <Form action={action} submit="Create key" isClosing onCancel={props.onClose} onSubmit={() => void action.run(make)}>
        <SelectField
          label="For"
          value={kind}
          onValue={(next) => {
            setKind(next);
            change({ scopes: keyDraft(undefined, next).scopes });
          }}
          options={kinds.map((each) => [each, NAMES[each] ?? each] as const)}
        />
        {kind === "workspace-user" && (
          <TextField label="User's id" required value={user} onValue={setUser} error={problemOf(action, "user_id")} />
        )}
        <KeyFields draft={draft} kind={kind} action={action} onChange={change} />
      </Form>
    </Dialog>
  );
}
