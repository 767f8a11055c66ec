/** The fields of a key's form. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { list } from "../api";
import { localInput } from "../format";
import { LimitFields, limitsBody, limitsDraft, type LimitsDraft } from "../limits";
import { type Action, useLoad } from "../load";
import { may } from "../session";
import { asLines, asPairs, lines, pairs } from "../text_lists";
import { AreaField, CheckField, problemOf, SelectField, TextField } from "../ui";
import type { Key } from "./keys";
import { type RotationDraft, RotationFields, rotationDraft } from "./rotation";

export interface KeyDraft {
  name: string;
  scopes: string;
  expires: string;
  labels: string;
  models: string;
  providers: string;
  ips: string;
  aliases: string;
  emails: string;
  content: string;
  config: string;
  allowOverride: boolean;
  exposeCost: boolean;
  limits: LimitsDraft;
  rotation: RotationDraft;
}

const CALLS = ["completions.write", "logs.write", "prompts.render", "virtual_keys.list"];
const READS = [
  "analytics.view",
  "configs.list",
  "configs.read",
  "logs.list",
  "logs.view",
  "policies.list",
  "policies.read",
  "providers.list",
  "providers.read",
  "virtual_keys.list",
  "virtual_keys.read",
  "workspace_service_api_keys.list",
  "workspace_service_api_keys.read",
  "workspace_user_api_keys.list",
  "workspace_user_api_keys.read",
  "workspaces.list",
];
const ALL_READS = [
  ...READS,
  "audit_logs.list",
  "organisation_integrations.list",
  "organisation_integrations.read",
  "organisation_service_api_keys.list",
  "organisation_service_api_keys.read",
];

/** Sets of scopes with a name, by the kind of the key. */
export function scopeSets(kind: string): [string, string][] {
  return kind === "organisation-service"
    ? [
        ["*", "everything"],
        [ALL_READS.sort().join("\n"), "look at everything"],
      ]
    : [
        [CALLS.sort().join("\n"), "call models"],
        [[...new Set([...CALLS, ...READS])].sort().join("\n"), "call models and look at the workspace"],
      ];
}

export function keyDraft(key?: Key, kind = "workspace-service"): KeyDraft {
  return {
    name: key?.name ?? "",
    scopes: key ? asLines(key.scopes) : (scopeSets(kind)[0]?.[0] ?? ""),
    expires: localInput(key?.expires_at ?? null),
    labels: asPairs(key?.labels),
    models: asLines(key?.allowed_models),
    providers: asLines(key?.allowed_providers),
    ips: asLines(key?.allowed_ips),
    aliases: asPairs(Object.fromEntries(Object.entries(key?.model_aliases ?? {}).map(([name, alias]) => [name, aliasText(alias)]))),
    emails: asLines(key?.alert_emails),
    content: key?.log_content == null ? "" : String(key.log_content),
    config: key?.defaults.config_id ?? "",
    allowOverride: key ? Boolean(key.defaults.allow_config_override) : true,
    exposeCost: key?.expose_cost ?? false,
    limits: limitsDraft(key),
    rotation: rotationDraft(key?.rotation_policy),
  };
}

/** What an alias of models says in a line: the target, or the whole of it as JSON. */
const aliasText = (alias: Record<string, unknown>): unknown =>
  typeof alias["target"] === "string" && Object.keys(alias).length === 1 ? alias["target"] : alias;

function aliasOf(text: string): unknown {
  try {
    return text.startsWith("{") ? JSON.parse(text) : { target: text };
  } catch {
    return { target: text };
  }
}

/** The body of a key without its rotations. `isAdmin`: it calls no models, and has none of the members that are about
 * calls. */
export function bodyOf(draft: KeyDraft, isAdmin: boolean): Record<string, unknown> {
  return {
    name: draft.name,
    scopes: lines(draft.scopes) ?? [],
    expires_at: draft.expires ? new Date(draft.expires).toISOString() : null,
    labels: pairs(draft.labels),
    allowed_ips: lines(draft.ips),
    expose_cost: draft.exposeCost,
    ...(isAdmin ? {} : ofCalls(draft)),
  };
}

function ofCalls(draft: KeyDraft): Record<string, unknown> {
  const aliases = Object.entries(pairs(draft.aliases)).map(([name, text]) => [name, aliasOf(text)]);
  return {
    allowed_models: lines(draft.models),
    allowed_providers: lines(draft.providers),
    model_aliases: aliases.length ? Object.fromEntries(aliases) : null,
    alert_emails: lines(draft.emails),
    log_content: draft.content === "" ? null : draft.content === "true",
    defaults: { config_id: draft.config || null, allow_config_override: draft.allowOverride },
    ...limitsBody(draft.limits),
  };
}

export function KeyFields(props: {
  draft: KeyDraft;
  kind: string;
  action: Action;
  onChange: (more: Partial<KeyDraft>) => void;
}): JSX.Element {
  const { draft, action, onChange: change } = props;
  // Once: what is emptied while somebody types closes nothing.
  const [isOpen] = useState(() => hasMore(draft));
  const sets = scopeSets(props.kind);
  const isAdmin = props.kind === "organisation-service";
  const configs = useLoad(
    async () => (may("configs.list") ? (await list<{ slug: string; name: string }>("/configs")).data : []),
    [],
  );
  return (
    <>
      <TextField
        label="Name"
        required
        value={draft.name}
        error={problemOf(action, "name")}
        onValue={(name) => change({ name })}
      />
      <SelectField
        label="May"
        value={sets.some(([scopes]) => scopes === draft.scopes) ? draft.scopes : ""}
        onValue={(scopes) => scopes && change({ scopes })}
        options={[...sets, ["", "what the scopes below say"]]}
      />
      <TextField
        label="Expires"
        type="datetime-local"
        value={draft.expires}
        error={problemOf(action, "expires_at")}
        onValue={(expires) => change({ expires })}
        hint="Empty: never"
      />
      <RotationFields draft={draft.rotation} action={action} onChange={(rotation) => change({ rotation })} />
      {!isAdmin && <LimitFields draft={draft.limits} onChange={(limits) => change({ limits })} />}
      <details class="wide" open={isOpen}>
        <summary>Scopes, labels, models, mail</summary>
        <div class="fields">
          <AreaField
            label="Scopes"
            value={draft.scopes}
            error={problemOf(action, "scopes")}
            onValue={(scopes) => change({ scopes })}
            hint="One a line, such as completions.write"
          />
          <AreaField
            label="Labels"
            value={draft.labels}
            error={problemOf(action, "labels")}
            onValue={(labels) => change({ labels })}
            hint="NAME=VALUE, one a line, such as team=search"
          />
          {!isAdmin && (
            <>
              <AreaField
                label="Allowed models"
                value={draft.models}
                error={problemOf(action, "allowed_models")}
                onValue={(models) => change({ models })}
                hint="One a line: gpt-5*, @prod/*. Empty: all"
              />
              <AreaField
                label="Allowed providers"
                value={draft.providers}
                error={problemOf(action, "allowed_providers")}
                onValue={(providers) => change({ providers })}
                hint="One a line. Empty: all"
              />
            </>
          )}
          {!isAdmin && (
            <AreaField
              label="Model names of its own"
              value={draft.aliases}
              error={problemOf(action, "model_aliases")}
              onValue={(aliases) => change({ aliases })}
              hint="NAME=TARGET, one a line, such as fast=@prod/gpt-5-mini"
            />
          )}
          <AreaField
            label="Allowed addresses"
            value={draft.ips}
            error={problemOf(action, "allowed_ips")}
            onValue={(ips) => change({ ips })}
            hint="Addresses or networks, one a line. Empty: all"
          />
          {!isAdmin && (
            <AreaField
              label="Told of its budgets"
              value={draft.emails}
              error={problemOf(action, "alert_emails")}
              onValue={(emails) => change({ emails })}
              hint="Mail addresses, one a line, where the gateway sends mail"
            />
          )}
          {!isAdmin && (
            <SelectField
              label="Contents in the request log"
              value={draft.content}
              onValue={(content) => change({ content })}
              error={problemOf(action, "log_content")}
              options={[
                ["", "as the workspace has it"],
                ["true", "kept"],
                ["false", "never kept"],
              ]}
            />
          )}
          {!isAdmin && (
            <div>
              <SelectField
                label="Default config"
                value={draft.config}
                onValue={(config) => change({ config })}
                error={problemOf(action, "defaults")}
                options={[
                  ["", "none"],
                  ...(configs.data ?? []).map((each) => [each.slug, `${each.name} (${each.slug})`] as const),
                ]}
              />
              <CheckField
                label="Requests may name another config or provider"
                value={draft.allowOverride}
                onValue={(allowOverride) => change({ allowOverride })}
              />
              <CheckField
                label="Tell callers what their requests cost"
                value={draft.exposeCost}
                onValue={(exposeCost) => change({ exposeCost })}
              />
            </div>
          )}
        </div>
      </details>
    </>
  );
}

const hasMore = (draft: KeyDraft): boolean =>
  Boolean(
    draft.labels || draft.models || draft.providers || draft.ips || draft.aliases || draft.emails || draft.content || draft.config,
  );
