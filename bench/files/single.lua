-- wrk: one unique event a POST. The event comes from a file (SLUICE_BENCH_EVENT) whose id ends in twelve
-- digits; each thread counts in a range of its own.
local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    local file = assert(io.open(os.getenv("SLUICE_BENCH_EVENT")))
    local event = file:read("*a")
    file:close()
    local at = assert(event:find("%d%d%d%d%d%d%d%d%d%d%d%d\""))
    local head, tail = event:sub(1, at - 1), event:sub(at + 12)
    local path = os.getenv("SLUICE_BENCH_PATH") or "/webhook/events"
    local before = "POST " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" ..
        "Content-Length: " .. #event .. "\r\n\r\n" .. head
    local base = tonumber(os.getenv("SLUICE_BENCH_RUN") or "1") * 10000000000 + number * 1000000000
    local count = 0
    request = function()
        count = count + 1
        return before .. string.format("%012d", base + count) .. tail
    end
end
