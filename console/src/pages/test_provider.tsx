import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { errorOf } from "../api";
import { duration } from "../format";
import { call, models, toldBy, type Told } from "../gateway";
import { useAction, useLoad } from "../load";
import { Badge, Dialog, Facts, Form, TextField } from "../ui";
import { MissingGatewayKey } from "./gateway_key";

const modelsKnown = (number: number): string => (number === 1 ? "1 model known" : `${number} models known`);

/** One tiny request through the gateway, as a caller would send it. */
export function TestProvider(props: { slug: string; host: string; onClose: () => void }): JSX.Element {
  const prefix = `@${props.slug}/`;
  const known = useLoad(async () => (await models()).filter((id) => id.startsWith(prefix)), [props.slug]);
  const [typed, setModel] = useState<string>();
  const [result, setResult] = useState<Told & { text: string; took: number }>();
  const action = useAction();
  const model = typed ?? (known.data?.[0] ?? (props.host === "echo" ? `${prefix}echo` : "")).slice(prefix.length);
  const test = async (): Promise<void> => {
    setResult(undefined);
    const began = performance.now();
    const body = { model, max_tokens: 16, messages: [{ role: "user", content: "Say ok." }] };
    const response = await call("POST", "/v1/chat/completions", body, { "x-portkey-provider": `@${props.slug}` });
    const took = performance.now() - began;
    if (!response.ok) {
      const told = toldBy(response);
      setResult({ ...told, took, text: (await errorOf(response)).message });
      return;
    }
    const answer = (await response.json()) as { choices?: { message?: { content?: string | null } }[] };
    setResult({ ...toldBy(response), took, text: answer.choices?.[0]?.message?.content ?? "" });
  };
  return (
    <Dialog title={`Test @${props.slug}`} onClose={props.onClose}>
      <Form action={action} submit="Send a test request" onSubmit={() => void action.run(test)} onCancel={props.onClose}>
        <TextField
          label="Model"
          required
          wide
          value={model}
          onValue={setModel}
          options={(known.data ?? []).map((id) => id.slice(prefix.length))}
          hint={known.isLoading ? "Asking the provider for its models…" : modelsKnown(known.data?.length ?? 0)}
        />
        <MissingGatewayKey />
        {result && (
          <div class="wide" role="status">
            <Badge
              text={result.status === 200 ? `works: ${result.status}` : `failed: ${result.status}`}
              tone={result.status === 200 ? "good" : "bad"}
            />
            <p>{result.text}</p>
            <Facts
              facts={[
                ["Took", duration(result.took)],
                ["Cost", result.cost ? `$${result.cost}` : "unknown"],
                ["Attempts", result.path ?? "none"],
                ["Trace", <code>{result.trace}</code>],
              ]}
            />
          </div>
        )}
      </Form>
    </Dialog>
  );
}
