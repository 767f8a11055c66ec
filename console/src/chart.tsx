/** A chart over time. Its figures stand in a table, too, for those who don't see it. */

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { Section } from "./ui";

export interface Series {
  name: string;
  values: (number | null)[];
}

const HEIGHT = 160;
const WHOLE = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((each) => each * 10 ** power)).flat();
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** A moment below an axis: its time of day, or its day where that begins. */
function tick(seconds: number): string {
  const when = new Date(seconds * 1000);
  return when.getHours() || when.getMinutes() ? clock.format(when) : day.format(when);
}

/** How wide the labels of an axis are, in pixels, for the font that they have. */
const widthOf = (labels: string[] | null): number => 14 + 7 * Math.max(1, ...(labels ?? []).map((each) => each.length));

/** A colour of the style sheet as the canvas takes it: for light or dark, whichever the page is in. */
function colourOf(element: HTMLElement, name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  element.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

export function Chart(props: {
  title: string;
  /** Milliseconds since 1970. */
  times: number[];
  series: Series[];
  format: (value: number | null | undefined) => string;
  bars?: boolean;
  /** The values are numbers of things: so are the ticks of the axis. */
  whole?: boolean;
  /** The colour of a single series, as a property of the style sheet. */
  colour?: string;
}): JSX.Element {
  const holder = useRef<HTMLDivElement>(null);
  const { times, series, format } = props;
  const isDark = window.matchMedia("(prefers-color-scheme: dark)").matches;
  useEffect(() => {
    const element = holder.current;
    if (!element || times.length === 0) return undefined;
    const grid = { stroke: colourOf(element, "--line"), width: 1 };
    const axis = { stroke: colourOf(element, "--soft"), grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const paths = props.bars ? uPlot.paths.bars?.({ size: [0.7, 60] }) : undefined;
    const half = props.bars ? ((times[1] ?? 0) - (times[0] ?? 0)) / 2000 : 0;
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        padding: [8, 22, 0, 0],
        legend: { show: false },
        cursor: { y: false },
        scales: {
          x: { range: (_, first, last) => [first - half, last + half] },
          y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
        },
        axes: [
          { ...axis, size: 26, values: (_, ticks) => ticks.map(tick) },
          { ...axis, size: (_, labels) => widthOf(labels), values: (_, ticks) => ticks.map((each) => format(each)), ...(props.whole ? { incrs: WHOLE } : {}) },
        ],
        series: [
          {},
          ...series.map((each, index) => {
            const colour = colourOf(element, props.colour ?? `--series-${index + 1}`);
            const shade = series.length === 1 ? `color-mix(in srgb, ${colour} 22%, transparent)` : undefined;
            return {
              label: each.name,
              stroke: colour,
              width: props.bars ? 0 : 2,
              fill: props.bars ? colour : shade,
              points: { show: !props.bars && each.values.filter((value) => value !== null).length < 20 },
              ...(paths ? { paths } : {}),
            };
          }),
        ] as uPlot.Series[],
      },
      [times.map((each) => each / 1000), ...series.map((each) => each.values)],
      element,
    );
    const sizing = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    sizing.observe(element);
    return () => {
      sizing.disconnect();
      plot.destroy();
    };
  }, [JSON.stringify([times, series]), document.documentElement.dataset["theme"], isDark]);
  return (
    <Section title={props.title} hint={series.length > 1 && <Names series={series} />}>
      {times.length === 0 ? <p class="hint">No figures in this period.</p> : <div class="chart" ref={holder} aria-hidden="true" />}
      {times.length > 0 && (
        <details>
          <summary>Figures</summary>
          <div class="scroll" tabIndex={0} role="region" aria-label={`Figures of ${props.title}`}>
            <table>
              <thead>
                <tr>
                  <th scope="col">Time</th>
                  {series.map((each) => (
                    <th scope="col" class="number" key={each.name}>
                      {each.name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {times.map((each, index) => (
                  <tr key={each}>
                    <td data-label="Time">{new Date(each).toLocaleString()}</td>
                    {series.map((line) => (
                      <td class="number" data-label={line.name} key={line.name}>
                        {format(line.values[index])}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </Section>
  );
}

/** What the lines of a chart are, each with its colour. */
function Names(props: { series: Series[] }): JSX.Element {
  return (
    <span class="names">
      {props.series.map((each, index) => (
        <span key={each.name} style={{ "--mark": `var(--series-${index + 1})` }}>
          {each.name}
        </span>
      ))}
    </span>
  );
}
