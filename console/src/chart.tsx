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

export function Chart(props: {
  title: string;
  /** Milliseconds since 1970. */
  times: number[];
  series: Series[];
  format: (value: number | null | undefined) => string;
  total?: string;
  bars?: boolean;
}): JSX.Element {
  const holder = useRef<HTMLDivElement>(null);
  const { times, series, format } = props;
  useEffect(() => {
    const element = holder.current;
    if (!element || times.length === 0) return undefined;
    const css = getComputedStyle(element);
    const colour = (name: string): string => css.getPropertyValue(name).trim();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const paths = props.bars ? uPlot.paths.bars?.({ size: [0.7, 60] }) : undefined;
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: 170,
        legend: { show: series.length > 1, live: false },
        cursor: { y: false },
        scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] } },
        axes: [axis, { ...axis, size: 58, values: (_, ticks) => ticks.map((tick) => format(tick)) }],
        series: [
          {},
          ...series.map((each, index) => ({
            label: each.name,
            stroke: colour(`--series-${index + 1}`),
            width: props.bars ? 0 : 2,
            fill: props.bars
              ? colour("--series-1")
              : series.length === 1
                ? `color-mix(in srgb, ${colour("--series-1")} 22%, transparent)`
                : undefined,
            points: { show: !props.bars && each.values.filter((value) => value !== null).length < 20 },
            ...(paths ? { paths } : {}),
          })),
        ] as uPlot.Series[],
      },
      [times.map((each) => each / 1000), ...series.map((each) => each.values)],
      element,
    );
    const sizing = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 170 }));
    sizing.observe(element);
    return () => {
      sizing.disconnect();
      plot.destroy();
    };
  }, [JSON.stringify([times, series]), document.documentElement.dataset["theme"]]);
  return (
    <Section title={props.title} hint={props.total}>
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
