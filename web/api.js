/* The reports API. */

export class ReportError extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function reportUrl(report, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== "" && value !== null && value !== undefined) query.set(name, value);
  return `/reports/${report}?${query}`;
}

const CAUSES = {
  database_unavailable: "The database does not answer just now.",
  report_timeout: "The report took longer than it may. A shorter range is quicker.",
  overloaded: "Too many reports are asked for at once.",
};

/* The answer's envelope. */
export async function report(name, parameters, signal) {
  let response;
  try {
    response = await fetch(reportUrl(name, parameters), { signal, headers: { Accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ReportError("The reporter cannot be reached.", 0, "unreachable");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok || !body?.success)
    throw new ReportError(CAUSES[body?.code] ?? body?.error ?? `The reporter answered ${response.status}.`,
      response.status, body?.code);
  return body;
}
