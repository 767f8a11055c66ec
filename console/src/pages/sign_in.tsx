import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useAction } from "../load";
import { type Session, signIn } from "../session";
import { Form, TextField } from "../ui";

export function SignIn(props: { onSignedIn: (session: Session) => void; notice: string }): JSX.Element {
  const [key, setKey] = useState("");
  const action = useAction();
  return (
    <main class="sign-in" id="main">
      <h1>
        <img src="./icon.svg" alt="" width="28" height="28" /> Penstock
      </h1>
      {props.notice && <p role="status">{props.notice}</p>}
      <Form
        action={action}
        submit="Sign in"
        onSubmit={() => void action.run(async () => props.onSignedIn(await signIn(key.trim())))}
      >
        <TextField
          label="Admin key"
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
        No key yet? On the gateway's machine <code>penstock key create --admin</code> prints one, or set{" "}
        <code>PENSTOCK_ADMIN_KEY</code>. The key itself is not kept in the browser.
      </p>
    </main>
  );
}
