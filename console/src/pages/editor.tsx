import type { JSX } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { completions, type Option } from "../config_completion";
import type { JsonProblem } from "../json_text";

/** A text area with line numbers; the lines of problems are marked, and told below. What fits at the caret is listed
 *  while a name or a text is typed, and by Ctrl+Space. */
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
  const [options, setOptions] = useState<Option[]>([]);
  const [chosen, setChosen] = useState(-1);
  const offer = (text: string, at: number, isAsked: boolean): void => {
    const isTyping = /"[\w.-]+$/.test(text.slice(0, at));
    setOptions(props.readOnly || !(isAsked || isTyping) ? [] : completions(text, at));
    setChosen(-1);
  };
  const take = (option: Option): void => {
    const { text, caret } = option.put();
    setOptions([]);
    if (area.current) {
      // At once, since the next letter may be typed before the page is drawn again.
      area.current.value = text;
      area.current.setSelectionRange(caret, caret);
    }
    props.onText(text);
  };
  const onKeyDown = (event: JSX.TargetedKeyboardEvent<HTMLTextAreaElement>): void => {
    const { value, selectionStart } = event.currentTarget;
    if (event.key === " " && event.ctrlKey) offer(value, selectionStart, true);
    else if (options.length === 0) return;
    else if (event.key === "ArrowDown") setChosen((chosen + 1) % options.length);
    else if (event.key === "ArrowUp") setChosen(chosen <= 0 ? options.length - 1 : chosen - 1);
    else if (event.key === "Escape") setOptions([]);
    else if (event.key === "Tab" || (event.key === "Enter" && chosen >= 0)) take(options[Math.max(chosen, 0)] as Option);
    else return;
    event.preventDefault();
  };
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
          aria-autocomplete="list"
          aria-controls={`${id}-options`}
          {...(chosen >= 0 && options.length > 0 ? { "aria-activedescendant": `${id}-${chosen}` } : {})}
          onInput={(event) => {
            props.onText(event.currentTarget.value);
            offer(event.currentTarget.value, event.currentTarget.selectionStart, false);
          }}
          onKeyDown={onKeyDown}
          onBlur={() => setOptions([])}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
        />
      </div>
      <ul id={`${id}-options`} class="options" role="listbox" aria-label="Completions" hidden={options.length === 0}>
        {options.map((option, index) => (
          <li
            key={option.label}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseDown={(event) => {
              event.preventDefault();
              take(option);
            }}
          >
            {option.label}
          </li>
        ))}
      </ul>
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
