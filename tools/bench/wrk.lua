-- wrk -s wrk.lua URL -- BODYFILE ["Name: value" ...]
-- POSTs the file's bytes; the result is one line of JSON behind "result: ".

function init(args)
	local file = assert(io.open(args[1], "rb"))
	wrk.body = file:read("*a")
	file:close()
	wrk.method = "POST"
	wrk.headers["Content-Type"] = "application/json"
	for i = 2, #args do
		local name, value = args[i]:match("^([^:]+):%s*(.*)$")
		wrk.headers[name] = value
	end
end

function done(summary, latency)
	local e = summary.errors
	io.write(string.format(
		'result: {"requests": %d, "usecs": %d, "bytes": %d, ' ..
		'"status_errors": %d, "socket_errors": %d, ' ..
		'"p50_usecs": %d, "p90_usecs": %d, "p99_usecs": %d, ' ..
		'"max_usecs": %d}\n',
		summary.requests, summary.duration, summary.bytes,
		e.status, e.connect + e.read + e.write + e.timeout,
		latency:percentile(50), latency:percentile(90),
		latency:percentile(99), latency.max))
end
