/** Calls of the admin API with the session's cookie. Addresses are relative to the page's. */

export interface Problem {
  pointer: string;
  message: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly problems: Problem[] = [],
  ) {
    super(message);
  }

  /** This gateway has no such call: it is switched off, or comes with a later release. */
  get isMissing(): boolean {
    return this.status === 404 || this.status === 501;
  }
}

export interface List<T> {
  total: number;
  data: T[];
}

type Query = Record<string, string | number | boolean | undefined>;

let csrfToken = "";
let onSignedOut: () => void = () => undefined;

export function setCsrfToken(token: string): void {
  csrfToken = token;
}

export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

/** The address of a path of the gateway: the console is one folder below the gateway's root. */
export function address(path: string): string {
  return new URL(`..${path}`, document.baseURI).toString();
}

export async function api<T>(method: string, path: string, body?: unknown, key?: string): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key !== undefined) headers["x-portkey-api-key"] = key;
  else if (method !== "GET") headers["x-penstock-csrf"] = csrfToken;
  const session = csrfToken;
  const response = await send(address(`/v1${path}`), {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
  if (response.ok) return (await response.json()) as T;
  const error = await errorOf(response);
  // A late answer to a call of an earlier session says nothing of the one that has begun since.
  if (response.status === 401 && key === undefined && session === csrfToken) onSignedOut();
  throw error;
}

export const get = <T>(path: string, query: Query = {}): Promise<T> => api<T>("GET", path + asQuery(query));
export const post = <T>(path: string, body: unknown = {}): Promise<T> => api<T>("POST", path, body);
export const put = <T>(path: string, body: unknown): Promise<T> => api<T>("PUT", path, body);
export const remove = (path: string, query: Query = {}): Promise<unknown> => api("DELETE", path + asQuery(query));

/** Up to 1000 rows of a list, as the admin API gives them in one page. */
export const list = <T>(path: string, query: Query = {}): Promise<List<T>> =>
  get<List<T>>(path, { page_size: 1000, ...query });

const MOST_PAGES = 50;

/** All things of a list: what is left after its first page is fetched at once. */
export async function listAll<T>(path: string, query: Query = {}): Promise<List<T>> {
  const first = await list<T>(path, query);
  const pages = first.data.length ? Math.min(Math.ceil(first.total / first.data.length), MOST_PAGES) : 1;
  const others = Array.from({ length: pages - 1 }, (_, index) => list<T>(path, { ...query, current_page: index + 1 }));
  return { ...first, data: [first, ...(await Promise.all(others))].flatMap((page) => page.data) };
}

export function asQuery(query: Query): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return pairs.length ? `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}` : "";
}

export async function send(url: string, options: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "The gateway can't be reached.");
  }
}

/** The error that a response tells, whichever body it has. */
export async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as { message?: string; error?: { message?: string }; data?: { problems?: Problem[] } };
    const message = body.error?.message ?? body.message ?? `The gateway answered ${response.status}.`;
    return new ApiError(response.status, message, body.data?.problems ?? []);
  } catch {
    return new ApiError(response.status, text.slice(0, 300) || `The gateway answered ${response.status}.`);
  }
}
