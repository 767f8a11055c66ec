/** The pieces that pages are made of. */

import { createContext, type ComponentChildren, type JSX } from "preact";
import { useContext, useEffect, useId, useRef, useState } from "preact/hooks";
import type { ApiError } from "./api";
import { type Draft, SAVED, useUnsaved } from "./draft";
import type { Action, Loaded } from "./load";
import { isWithin } from "./route";

export function Page(props: {
  title: string;
  lead?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${props.title} · Penstock`;
  }, [props.title]);
  return (
    <>
      <header class="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {props.title}
          </h1>
          {props.lead && <p class="lead">{props.lead}</p>}
        </div>
        {props.actions && <div class="actions">{props.actions}</div>}
      </header>
      {props.children}
    </>
  );
}

export function Section(props: {
  title: string;
  hint?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  const id = useId();
  return (
    <section class="section" aria-labelledby={id}>
      <header>
        <h2 id={id}>{props.title}</h2>
        {props.hint && <p class="hint">{props.hint}</p>}
        {props.actions && <div class="actions">{props.actions}</div>}
      </header>
      {props.children}
    </section>
  );
}

/** Whether what is typed can't be taken any more: the form's content is on its way, and the form closes behind it. */
const Sent = createContext(false);

type ButtonProps = Omit<JSX.IntrinsicElements["button"], "size"> & { look?: "main" | "danger" | "plain" | "quiet" };

export function Button({ look = "plain", class: extra, disabled, ...rest }: ButtonProps): JSX.Element {
  const isSent = useContext(Sent);
  return <button type="button" {...rest} disabled={isSent || disabled} class={`button ${look} ${extra ?? ""}`} />;
}

/** Marks what holds text that is typed and not saved: all of a page, or one place. */
export function Unsaved(props: { of: string }): JSX.Element | null {
  return useUnsaved().some((place) => isWithin(place, props.of)) ? <> <span class="badge warn">unsaved</span></> : null;
}

/** Opens a dialog; `place` is that of the dialog's draft. */
export function Opens({ place, children, ...rest }: ButtonProps & { place: string }): JSX.Element {
  return (
    <Button {...rest}>
      {children}
      <Unsaved of={place} />
    </Button>
  );
}

/** A labelled control. `children` gets the ids to put on the control. */
export function Field(props: {
  label: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  wide?: boolean;
  children: (ids: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => ComponentChildren;
}): JSX.Element {
  const id = useId();
  const told = props.error ?? props.hint;
  return (
    <div class={`field ${props.wide ? "wide" : ""}`}>
      <label for={id}>{props.label}</label>
      {props.children({
        id,
        ...(told ? { "aria-describedby": `${id}-told` } : {}),
        ...(props.error ? { "aria-invalid": true } : {}),
      })}
      {told && (
        <p id={`${id}-told`} class={props.error ? "field-error" : "hint"}>
          {told}
        </p>
      )}
    </div>
  );
}

interface TextProps {
  label: string;
  value: string;
  onValue: (value: string) => void;
  /** What was typed is left, or Enter was pressed. */
  onTyped?: () => void;
  hint?: ComponentChildren;
  error?: string | undefined;
  wide?: boolean;
  type?: string;
  required?: boolean;
  placeholder?: string;
  options?: string[];
  autocomplete?: string;
  min?: string;
  step?: string;
  disabled?: boolean;
}

export function TextField(props: TextProps): JSX.Element {
  const listId = useId();
  const isSent = useContext(Sent);
  return (
    <Field label={props.label} hint={props.hint} error={props.error} wide={props.wide ?? false}>
      {(ids) => (
        <>
          <input
            {...ids}
            readOnly={isSent}
            type={props.type ?? "text"}
            value={props.value}
            required={props.required ?? false}
            disabled={props.disabled ?? false}
            placeholder={props.placeholder ?? ""}
            autocomplete={props.autocomplete ?? "off"}
            spellcheck={false}
            {...(props.min === undefined ? {} : { min: props.min })}
            {...(props.type === "number" ? { step: props.step ?? "any" } : {})}
            {...(props.options ? { list: listId } : {})}
            onInput={(event) => props.onValue(event.currentTarget.value)}
            {...(props.onTyped ? { onChange: props.onTyped } : {})}
          />
          {props.options && (
            <datalist id={listId}>
              {props.options.map((each) => (
                <option key={each} value={each} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

export function AreaField(props: TextProps & { rows?: number; isProse?: boolean }): JSX.Element {
  const isSent = useContext(Sent);
  return (
    <Field label={props.label} hint={props.hint} error={props.error} wide={props.wide ?? false}>
      {(ids) => (
        <textarea
          {...ids}
          readOnly={isSent}
          rows={props.rows ?? 3}
          class={props.isProse ? "prose" : ""}
          value={props.value}
          required={props.required ?? false}
          spellcheck={false}
          placeholder={props.placeholder ?? ""}
          onInput={(event) => props.onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export function SelectField(props: {
  label: string;
  value: string;
  onValue: (value: string) => void;
  options: readonly (readonly [value: string, label: string])[];
  hint?: ComponentChildren;
  error?: string | undefined;
  disabled?: boolean;
}): JSX.Element {
  const isSent = useContext(Sent);
  return (
    <Field label={props.label} hint={props.hint} error={props.error}>
      {(ids) => (
        <select
          {...ids}
          value={props.value}
          disabled={isSent || (props.disabled ?? false)}
          onChange={(event) => props.onValue(event.currentTarget.value)}
        >
          {props.options.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function CheckField(props: { label: string; value: boolean; onValue: (value: boolean) => void }): JSX.Element {
  const isSent = useContext(Sent);
  return (
    <label class="check">
      <input type="checkbox" disabled={isSent} checked={props.value} onChange={(event) => props.onValue(event.currentTarget.checked)} />
      {props.label}
    </label>
  );
}

/** What can't be done, in words; a call that this gateway does not have is no alarm. */
export function Failure(props: { error: ApiError | undefined; what?: string }): JSX.Element | null {
  const { error } = props;
  if (error === undefined) return null;
  if (error.isMissing && props.what) {
    return (
      <div class="empty">
        <p>
          <strong>This gateway has no {props.what}.</strong>
        </p>
        <p>{error.message}</p>
      </div>
    );
  }
  return (
    <div class="failure" role="alert">
      <strong>{error.message}</strong>
      {error.problems.length > 1 && (
        <ul>
          {error.problems.map((problem) => (
            <li key={problem.pointer + problem.message}>
              {problem.pointer && <code>{problem.pointer}</code>} {problem.message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The message about one member of a body, from the answer that refused it. */
export function problemOf(action: Action, name: string): string | undefined {
  return action.error?.problems.find((each) => each.pointer === `/${name}` || each.pointer.startsWith(`/${name}/`))?.message;
}

export function LoadedView<T>(props: {
  loaded: Loaded<T>;
  what?: string;
  children: (data: T) => ComponentChildren;
}): JSX.Element {
  const { data, error } = props.loaded;
  return (
    <>
      <Failure error={error} {...(props.what ? { what: props.what } : {})} />
      {data !== undefined && !(error?.isMissing && props.what) && props.children(data)}
      {data === undefined && error === undefined && (
        <p class="loading" role="status">
          Loading…
        </p>
      )}
    </>
  );
}

/** What keeps a dialog open that only its own buttons close: a browser closes one at the second press of Esc, whatever
 *  the page says to the first. */
export const firmly = {
  onCancel: (event: Event): void => event.preventDefault(),
  onClose: (event: JSX.TargetedEvent<HTMLDialogElement>): void => {
    if (event.currentTarget.isConnected) event.currentTarget.showModal();
  },
};

export function Dialog(props: {
  title: string;
  onClose: () => void;
  wide?: boolean;
  /** What it shows is shown once: nothing but a button within it closes it. */
  isFirm?: boolean;
  children: ComponentChildren;
}): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    if (dialog && !dialog.open) dialog.showModal();
    // The browser takes what comes first, ✕. Where there is no field, the way back is nearer than what can't be undone.
    const first = ".fields :is(input, select, textarea)";
    (dialog?.querySelector<HTMLElement>(first) ?? dialog?.querySelector<HTMLElement>("footer .plain"))?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={props.wide ? "wide" : ""}
      aria-labelledby={id}
      {...(props.isFirm
        ? firmly
        : {
            onCancel: (event: Event): void => {
              event.preventDefault();
              props.onClose();
            },
          })}
    >
      <header>
        <h2 id={id}>{props.title}</h2>
        {!props.isFirm && (
          <Button look="quiet" aria-label="Close" onClick={props.onClose}>
            ✕
          </Button>
        )}
      </header>
      {props.children}
    </dialog>
  );
}

/** The name of a row, which leads to its page where whoever is signed in may read that. */
export function RowName(props: { to: string | false; children: ComponentChildren }): JSX.Element {
  if (!props.to) return <span class="strong">{props.children}</span>;
  return (
    <>
      <a class="strong" href={props.to}>
        {props.children}
      </a>
      <Unsaved of={props.to} />
    </>
  );
}

type Typed = Omit<Draft<never>, "value" | "change" | "save">;

/** That a form begins with what was typed into it before. `children`: the way back, where it is not below the form. */
export function OfBefore(props: { draft: Typed; children?: ComponentChildren }): JSX.Element | null {
  const { isOfBefore, isOutdated } = props.draft;
  if (!isOfBefore) return null;
  return (
    <div class="notice wide">
      <p>
        This is what you typed before. It is not saved yet.
        {isOutdated && " Somebody else has saved something else meanwhile: saving puts yours in its place."}
      </p>
      {props.children}
    </div>
  );
}

/** Below a form that stays: whether all of it is saved, and the way back if not. */
export function SaveState(props: { draft: Typed; more?: string[] }): JSX.Element {
  const { isChanged, isSaved, discard } = props.draft;
  return (
    <>
      {isChanged && <Button onClick={discard}>Discard changes</Button>}
      <span role="status">{isChanged ? "Not saved yet." : isSaved ? [SAVED, ...(props.more ?? [])].join(" ") : ""}</span>
    </>
  );
}

/** A form whose fields stand in a grid, with its buttons below. */
export function Form(props: {
  action: Action;
  submit: string;
  onSubmit: () => void;
  onCancel?: () => void;
  children: ComponentChildren;
  /** What is typed into it, if leaving it keeps that: Cancel does not. */
  draft?: Typed;
  look?: "main" | "danger";
  /** The form goes when it is done: nothing more can be typed into it once it is sent, which would be lost. */
  isClosing?: boolean;
  /** The fields are shown, and can't be changed. */
  readOnly?: boolean;
}): JSX.Element {
  if (props.readOnly) {
    return (
      <fieldset class="bare" disabled>
        <div class="fields">{props.children}</div>
      </fieldset>
    );
  }
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        props.onSubmit();
      }}
    >
      <Sent.Provider value={Boolean(props.isClosing) && props.action.isBusy}>
        {props.draft && (
          <OfBefore draft={props.draft}>
            {props.onCancel && <Button onClick={props.draft.discard}>Begin anew</Button>}
          </OfBefore>
        )}
        <div class="fields">{props.children}</div>
      </Sent.Provider>
      <Failure error={props.action.error} />
      <footer>
        <Button type="submit" look={props.look ?? "main"} disabled={props.action.isBusy}>
          {props.action.isBusy ? "Working…" : props.submit}
        </Button>
        {props.onCancel && (
          <Button
            onClick={() => {
              props.draft?.discard();
              props.onCancel?.();
            }}
          >
            Cancel
          </Button>
        )}
        {props.draft && !props.onCancel && <SaveState draft={props.draft} />}
      </footer>
    </form>
  );
}

export function Confirm(props: {
  title: string;
  text: ComponentChildren;
  submit: string;
  action: Action;
  onConfirm: () => void;
  onClose: () => void;
}): JSX.Element {
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <Form action={props.action} submit={props.submit} look="danger" isClosing onSubmit={props.onConfirm} onCancel={props.onClose}>
        <p class="wide">{props.text}</p>
      </Form>
    </Dialog>
  );
}

export interface Column<T> {
  name: string;
  cell: (row: T) => ComponentChildren;
  /** The value that the column is sorted by; without one it can't be sorted. */
  sort?: (row: T) => string | number;
  number?: boolean;
  /** What stands in it is short, and stays in one line on a wide screen: other columns give way. */
  short?: boolean;
  /** What does not fit into one line is cut on a wide screen: the cell has all of it as its title. */
  clip?: boolean;
}

/** Rows that are shown at first, and with each click that asks for more: a browser is slow with thousands of them. */
const SHOWN = 200;

/** A table that is sorted by its heads, and becomes a list of cards on a narrow screen. */
export function Table<T>(props: {
  caption: string;
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
  empty?: ComponentChildren;
  /** A row has few lines on a narrow screen: only numbers tell what they are. */
  isLean?: boolean;
}): JSX.Element {
  const [order, setOrder] = useState<{ name: string; falls: boolean }>();
  const [shown, setShown] = useState(SHOWN);
  if (props.rows.length === 0) return <div class="empty">{props.empty ?? <p>Nothing here.</p>}</div>;
  const by = props.columns.find((column) => column.name === order?.name)?.sort;
  const rows = by ? [...props.rows].sort((a, b) => compare(by(a), by(b)) * (order?.falls ? -1 : 1)) : props.rows;
  const table = (
    <table class={props.isLean ? "lean" : ""}>
      <caption class="hidden">{props.caption}</caption>
      <thead>
        <tr>
          {props.columns.map((column) => {
            const mine = order?.name === column.name ? order : undefined;
            return (
              <th
                key={column.name}
                scope="col"
                class={column.number ? "number" : ""}
                {...(mine ? { "aria-sort": mine.falls ? "descending" : "ascending" } : {})}
              >
                {column.sort ? (
                  <button
                    type="button"
                    class="sort"
                    onClick={() => setOrder({ name: column.name, falls: mine ? !mine.falls : Boolean(column.number) })}
                  >
                    {column.name}
                    <span aria-hidden="true">{mine ? (mine.falls ? " ↓" : " ↑") : ""}</span>
                  </button>
                ) : (
                  column.name || <span class="hidden">Actions</span>
                )}
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody>
        {rows.slice(0, shown).map((row) => (
          <tr key={props.id(row)}>
            {props.columns.map((column) => (
              <td
                key={column.name}
                data-label={column.name}
                class={classOf(column)}
              >
                <div>{column.cell(row)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
  if (rows.length <= shown) return table;
  return (
    <>
      {table}
      <div class="row">
        <Button onClick={() => setShown(shown + SHOWN)}>Show {Math.min(SHOWN, rows.length - shown)} more</Button>
        <span class="hint">
          {shown} of {rows.length} are shown
        </span>
      </div>
    </>
  );
}

function classOf<T>(column: Column<T>): string {
  if (column.number) return "number";
  if (!column.name) return "end";
  return column.clip ? "clip" : column.short ? "short" : "";
}

function compare(a: string | number, b: string | number): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

const TONES: Record<string, string> = {
  active: "good",
  ok: "good",
  closed: "good",
  disabled: "off",
  archived: "off",
  expired: "off",
  exhausted: "bad",
  degraded: "bad",
  lost: "bad",
  open: "bad",
};

export function Badge(props: { text: string; tone?: string }): JSX.Element {
  return <span class={`badge ${props.tone ?? TONES[props.text] ?? ""}`}>{props.text}</span>;
}

/** A bar of what is used and reserved of a limit. */
export function Bar(props: { used: number; reserved?: number; limit: number; label: string }): JSX.Element {
  const share = (value: number): string => `${Math.min(100, props.limit > 0 ? (value / props.limit) * 100 : 100)}%`;
  const full = props.used / props.limit;
  return (
    <div class={`bar ${full >= 1 ? "full" : full >= 0.8 ? "near" : ""}`} role="img" aria-label={props.label}>
      <span class="reserved" style={{ width: share(props.used + (props.reserved ?? 0)) }} />
      <span class="used" style={{ width: share(props.used) }} />
    </div>
  );
}

export function Copy(props: { text: string; label?: string }): JSX.Element {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(props.text);
      setCopied(true);
      window.setTimeout(() => setCopied(false), 1500);
    } catch {
      // A page without TLS that is not on loopback has no clipboard: the text can still be selected.
    }
  };
  return (
    <Button look="quiet" class="copy" onClick={() => void copy()}>
      <span aria-live="polite">{isCopied ? "Copied" : (props.label ?? "Copy")}</span>
    </Button>
  );
}

export function Code(props: { text: string; label: string }): JSX.Element {
  return (
    <figure class="code">
      <figcaption>
        {props.label} <Copy text={props.text} />
      </figcaption>
      <pre tabIndex={0} role="region" aria-label={props.label}>
        <code>{props.text}</code>
      </pre>
    </figure>
  );
}

export function Facts(props: { facts: [string, ComponentChildren][] }): JSX.Element {
  return (
    <dl class="facts">
      {props.facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
