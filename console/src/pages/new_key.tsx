import type { JSX } from "preact";
import { post } from "../api";
import { useDraft } from "../draft";
import { useAction } from "../load";
import { link } from "../route";
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

type NewKeyDraft = KeyDraft & { kind: string; user: string };

/** Where a new key is typed, and one like another key. */
export const newKeyPlace = (like?: Key): string => (like ? `${link("keys", like.id)}?copy` : `${link("keys")}?new`);

/** A dialog that makes a key, also one like another key. */
export function NewKey(props: { like?: Key; onClose: () => void; onMade: (made: Made) => void }): JSX.Element {
  const kinds = KEY_KINDS.filter((kind) => mayKeys("create", kind));
  const draft = useDraft<NewKeyDraft>(newKeyPlace(props.like), () => {
    const kind: string = props.like?.type ?? kinds[0] ?? "workspace-service";
    const copied = { ...keyDraft(props.like, kind), kind, user: props.like?.user_id ?? "" };
    if (!props.like) return copied;
    // The moment of another key's one rotation is not this one's.
    const rotation = copied.rotation.period === "once" ? rotationDraft() : copied.rotation;
    return { ...copied, name: `${copied.name} copy`, rotation };
  });
  const { kind, user } = draft.value;
  const action = useAction();
  const make = async (): Promise<void> => {
    let made: Made | undefined;
    const isDone = await draft.save(action, async ({ kind, user, ...typed }) => {
      const body = {
        ...bodyOf(typed, kind === "organisation-service"),
        ...rotationBody(typed.rotation),
        ...(kind === "workspace-user" ? { user_id: user } : {}),
      };
      const named = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
      made = await post<Made>(`/api-keys/${kind.replace("-", "/")}`, named);
    });
    if (isDone && made) props.onMade(made);
  };
  return (
    <Dialog title="New key" onClose={props.onClose} wide>
      <Form action={action} submit="Create key" isClosing draft={draft} onCancel={props.onClose} onSubmit={() => void make()}>
        <SelectField
          label="For"
          value={kind}
          onValue={(next) => draft.change({ kind: next, scopes: keyDraft(undefined, next).scopes })}
          options={kinds.map((each) => [each, NAMES[each] ?? each] as const)}
        />
        {kind === "workspace-user" && (
          <TextField label="User's id" required value={user} onValue={(typed) => draft.change({ user: typed })} error={problemOf(action, "user_id")} />
        )}
        <KeyFields draft={draft.value} kind={kind} action={action} onChange={draft.change} />
      </Form>
    </Dialog>
  );
}
