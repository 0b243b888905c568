#!/usr/bin/python3
"""Runs the fault suite: breaks a real pipeline in every way that is listed, under load, and proves that nothing
was lost, doubled or counted wrongly. Prints a row as each case ends."""
import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration")]

import processes  # noqa: E402
import registry  # noqa: E402
from harness.process import use_ports  # noqa: E402

ROW = "{:>4}  {:<69} {:>6} {:>5} {:>7} {:>8}  {}"
HEAD = ("case", "what", "events", "lost", "doubled", "recovery", "verdict")
SELF_TEST = 0
WORKERS = set()  # that run


def options():
    parser = argparse.ArgumentParser(prog="./sluice test faults", description=__doc__)
    parser.add_argument("--case", metavar="N[,N...]", help="only these cases")
    parser.add_argument("--quick", action="store_true", help="a choice of cases that takes about two minutes")
    parser.add_argument("--self-test", action="store_true",
                        help="falsify derived rows, the ledger and events on purpose: the checker must find each")
    parser.add_argument("--list", action="store_true", help="list the cases and what they take")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time (default 2)")
    parser.add_argument("--minutes", type=float, default=15, help="how long case 41 goes on (default 15)")
    parser.add_argument("--seed", type=int, default=1, help="of the load; the same seed sends the same events")
    parser.add_argument("--logs", default="/tmp", help="where the logs of failed cases are kept (default /tmp)")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser


def chosen(parser, args, cases):
    if args.self_test:
        return [SELF_TEST]
    if args.case:
        try:
            numbers = [int(word) for word in args.case.split(",")]
        except ValueError:
            parser.error(f"--case takes numbers, as 2 or 2,7,10; not {args.case}")
        for number in numbers:
            if number not in cases or number == SELF_TEST:
                parser.error(f"there is no case {number}; --list shows all")
        return numbers
    return [number for number, case in cases.items() if number != SELF_TEST and (case.quick or not args.quick)]


# In the worker: one case, one process.

def run_case(args):
    """Runs a case in this very process and prints its result as the last line."""
    import pipeline
    import world as worlds

    case = registry.load_all()[args.worker]
    tempfile.tempdir = args.folder
    first = 10000 + args.worker * 200
    use_ports(range(first, first + 200))  # cases run side by side
    # A case that takes too long is asked to end: whatever it started is stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("it took too long"))
    result = {"verdict": "ok"}
    with getattr(worlds, case.world)(args.folder, args.seed, args.quick) as world:
        world.minutes = args.minutes
        try:
            case.run(world)
        except pipeline.Skipped as why:
            result.update(verdict="skipped", why=str(why))
        except (Exception, SystemExit) as error:  # noqa: BLE001  every failure is a result
            known = isinstance(error, (pipeline.Failed, SystemExit))
            result.update(verdict="FAILED", why=str(error) if known else traceback.format_exc())
            result["faults"] = world.faults
        if world.verdict:
            result.update(sent=world.verdict.sent, lost=world.verdict.lost, doubled=world.verdict.doubled)
        elif world.load:
            result.update(sent=len(world.plan.sent))
        result.update(recovery=world.recovery, note=world.note)
    print("\n" + json.dumps(result), flush=True)


# In the parent: workers, their time, and the table.

def work(case, args):
    folder = tempfile.mkdtemp(prefix=f"sluice-faults-{case.number}-", dir=args.logs)
    os.chmod(folder, 0o755)  # the servers run as another user
    argv = [sys.executable, str(HERE / "run.py"), "--worker", str(case.number), "--folder", folder, "--seed", str(args.seed),
            "--minutes", str(args.minutes)]
    if args.quick:
        argv.append("--quick")
    started = time.monotonic()
    with open(os.path.join(folder, "case.log"), "w", encoding="utf-8") as errors:
        worker = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                                  start_new_session=True)
        WORKERS.add(worker)
        output = wait_for_worker(worker, case.seconds * 3 + args.minutes * 60 * case.beside + 120)
        WORKERS.discard(worker)
    end_session(worker.pid)
    result = result_of(output, folder)
    result["seconds"] = time.monotonic() - started
    if result["verdict"] == "FAILED":
        keep_logs(folder)
        result["logs"] = folder
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return result


def wait_for_worker(worker, seconds):
    """Its output; one that takes too long is asked to stop what it started, and killed when it does not."""
    for timeout, act in ((seconds, worker.terminate), (90, worker.kill)):
        try:
            return worker.communicate(timeout=timeout)[0]
        except subprocess.TimeoutExpired:
            act()
    return worker.communicate()[0]


def result_of(output, folder):
    try:
        return json.loads(output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        said = pathlib.Path(folder, "case.log").read_text(encoding="utf-8", errors="replace")
        return {"verdict": "FAILED", "why": f"the case died: {said[-2000:]}"}


def end_session(session):
    """Whatever a case that died left behind is in the session that it began."""
    for pid, (_, its_session) in processes.table().items():
        if its_session == session:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def keep_logs(folder):
    """Logs and the journal stay, databases and streams do not."""
    for path in pathlib.Path(folder).iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def show(case, result):
    number = lambda name: str(result[name]) if result.get(name) is not None else "-"  # noqa: E731
    recovery = f"{result['recovery']:.1f} s" if result.get("recovery") is not None else "-"
    print(ROW.format(case.number or "self", case.title, number("sent"), number("lost"), number("doubled"), recovery,
                     f"{result['verdict']} ({result['seconds']:.0f} s)"), flush=True)
    for line in (result.get("why") or result.get("note") or "").strip().splitlines():
        print("      " + line)
    if "logs" in result:
        print(f"      logs: {result['logs']}", flush=True)


class Tally:
    """Counts the verdicts and shows each as it comes."""

    def __init__(self):
        self.counts = {"ok": 0, "FAILED": 0, "skipped": 0}
        print(ROW.format(*HEAD), flush=True)

    def take(self, case, result):
        self.counts[result["verdict"]] += 1
        show(case, result)

    def close(self):
        skipped = f", {self.counts['skipped']} skipped" if self.counts["skipped"] else ""
        print(f"{self.counts['ok']} passed, {self.counts['FAILED']} failed{skipped}")
        return self.counts["FAILED"] == 0


def run_all(cases, args):
    """First those that measure time, each by itself; then the others, --jobs at a time and the longest first."""
    tally = Tally()
    for case in cases:
        if case.alone:
            tally.take(case, work(case, args))
    shared = sorted((case for case in cases if not case.alone), key=lambda case: -case.seconds)
    jobs = args.jobs + sum(case.beside for case in shared)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(work, case, args): case for case in shared}
        try:
            for future in concurrent.futures.as_completed(running):
                tally.take(running[future], future.result())
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in list(WORKERS):
                worker.terminate()
            raise
    return tally.close()


def main():
    parser = options()
    args = parser.parse_args()
    if args.worker is not None:
        return run_case(args)
    cases = dict(sorted(registry.load_all().items()))
    if args.list:
        for case in cases.values():
            if case.number != SELF_TEST:
                print(f"{case.number:>4}  {case.title:<69} {case.seconds:>4} s{'  quick' if case.quick else ''}")
        return None
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return 0 if run_all([cases[number] for number in chosen(parser, args, cases)], args) else 1
    except KeyboardInterrupt:
        print("interrupted; what ran is stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
