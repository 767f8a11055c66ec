import type { JSX } from "preact";
import { address } from "../api";
import { Button, Code, Dialog } from "../ui";

/** What a new or rotated key is answered with. */
export interface Made {
  id: string;
  key: string;
  warnings?: string[];
}

/** A new key's text, which nothing shows again, and a first request with it. */
export function KeyText(props: { made: Made; onClose: () => void }): JSX.Element {
  const { made } = props;
  const isAdmin = made.key.startsWith("penstock_admin_");
  const curl = isAdmin
    ? `curl ${address("/v1/api-keys")} -H 'x-portkey-api-key: ${made.key}'`
    : [
        `curl ${address("/v1/chat/completions")} \\`,
        `  -H 'authorization: Bearer ${made.key}' -H 'x-portkey-provider: echo' \\`,
        `  -H 'content-type: application/json' \\`,
        `  -d '{"model": "echo", "messages": [{"role": "user", "content": "Hello!"}]}'`,
      ].join("\n");
  return (
    <Dialog title="The new key" onClose={props.onClose} wide isFirm>
      <div class="form">
        <p>
          <strong>Copy it now: it is shown this once.</strong> The gateway keeps its digest only.
        </p>
        <Code label="Key" text={made.key} />
        <Code label="A first request" text={curl} />
        {made.warnings?.map((each) => (
          <p key={each} role="status">
            {each}
          </p>
        ))}
        <footer>
          <Button look="main" onClick={props.onClose}>
            I have copied it
          </Button>
        </footer>
      </div>
    </Dialog>
  );
}
