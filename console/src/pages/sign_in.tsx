import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { ApiError } from "../api";
import { useAction } from "../load";
import { type Session, signIn } from "../session";
import { Form, TextField } from "../ui";
import { readHolder } from "./me";

/** The key of somebody who calls models opens no session: it shows what it may do and has used. */
export function SignIn(props: {
  onSignedIn: (session: Session) => void;
  onHolder: (key: string) => void;
  notice: string;
}): JSX.Element {
  const [key, setKey] = useState("");
  const action = useAction();
  return (
    <main class="sign-in">
      <h1>
        <img src="./icon.svg" alt="" width="28" height="28" /> Penstock
      </h1>
      {props.notice && <p role="status">{props.notice}</p>}
      <Form
        action={action}
        submit="Sign in"
        isClosing
        onSubmit={() =>
          void action.run(async () => {
            try {
              props.onSignedIn(await signIn(key.trim()));
            } catch (problem) {
              if (!(problem instanceof ApiError) || (problem.status !== 403 && problem.status !== 401)) throw problem;
              try {
                await readHolder(key.trim());
              } catch {
                throw problem;
              }
              props.onHolder(key.trim());
            }
          })
        }
      >
        <TextField
          label="Admin key or gateway key"
          type="password"
          value={key}
          onValue={setKey}
          required
          wide
          autocomplete="current-password"
          placeholder="penstock_admin_…"
        />
      </Form>
      <p class="hint">
        No key yet? A gateway without keys prints a link that signs in when it starts. On its machine{" "}
        <code>penstock key create --admin</code> prints a key, or set <code>PENSTOCK_ADMIN_KEY</code>. A gateway key shows its own limits, usage and models. The key itself
        is not kept in the browser.
      </p>
    </main>
  );
}
