import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { keyInUse, mayMakeKey, setGatewayKey } from "../gateway";
import { TextField } from "../ui";

const HINTS = {
  given: "This key is used for all that the console sends. It stays in this tab",
  own: "The console uses a key of its own that ends within the hour",
  none: "Empty: a key for an hour is made where one is needed. It stays in this tab",
  missing: "Your key may make none: with which one the console calls models. It stays in this tab",
};

/** The gateway key that the console calls models with. `onTyped` gets it once it is typed whole. */
export function GatewayKey(props: { onTyped?: (key: string) => void }): JSX.Element {
  const [key, setKey] = useState("");
  return (
    <TextField
      label="Gateway key"
      type="password"
      value={key}
      onValue={(text) => {
        setKey(text);
        setGatewayKey(text);
      }}
      {...(props.onTyped ? { onTyped: () => props.onTyped?.(key) } : {})}
      hint={HINTS[keyInUse() ?? (mayMakeKey() ? "none" : "missing")]}
    />
  );
}

/** The same where whoever is signed in may make no key and has given none yet; else nothing. */
export function MissingGatewayKey(): JSX.Element | null {
  const [isMissing] = useState(() => keyInUse() === undefined && !mayMakeKey());
  return isMissing ? <GatewayKey /> : null;
}
