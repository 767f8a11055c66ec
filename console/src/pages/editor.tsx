import type { JSX } from "preact";
import { useId, useRef } from "preact/hooks";
import type { JsonProblem } from "../json_text";

/** A text area with line numbers; the lines of problems are marked, and told below. */
export function Editor(props: {
  label: string;
  text: string;
  onText: (text: string) => void;
  problems: JsonProblem[];
  readOnly?: boolean;
}): JSX.Element {
  const id = useId();
  const gutter = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLTextAreaElement>(null);
  const wrong = new Set(props.problems.map((each) => each.line));
  const count = props.text.split("\n").length;
  const goTo = (line: number): void => {
    const element = area.current;
    if (!element || line < 1) return;
    const starts = props.text.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    element.focus();
    element.setSelectionRange(starts, starts + (props.text.split("\n")[line - 1]?.length ?? 0));
  };
  return (
    <div class="field wide">
      <label for={id}>{props.label}</label>
      <div class="editor">
        <div class="gutter" ref={gutter} aria-hidden="true">
          {Array.from({ length: count }, (_, index) => (
            <div key={index} class={wrong.has(index + 1) ? "wrong" : ""}>
              {index + 1}
            </div>
          ))}
        </div>
        <textarea
          id={id}
          ref={area}
          rows={Math.min(32, Math.max(12, count + 2))}
          wrap="off"
          spellcheck={false}
          autocapitalize="off"
          value={props.text}
          readOnly={props.readOnly ?? false}
          aria-invalid={props.problems.length > 0}
          aria-describedby={`${id}-told`}
          onInput={(event) => props.onText(event.currentTarget.value)}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      <div id={`${id}-told`} role="status">
        {props.problems.length > 0 ? (
          <ul class="problems">
            {props.problems.map((each) => (
              <li key={each.line + each.message}>
                {each.line > 0 && (
                  <button type="button" class="sort" onClick={() => goTo(each.line)}>
                    line {each.line}
                  </button>
                )}
                {each.line > 0 && ": "}
                {each.message}
              </li>
            ))}
          </ul>
        ) : (
          <p class="hint">JSON without a mistake. Explain asks the gateway whether it can be used.</p>
        )}
      </div>
    </div>
  );
}
