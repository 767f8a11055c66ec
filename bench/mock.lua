-- How the mock provider behaves, one function for each Behaviour of upstream.py. Called with the directory that holds
-- the texts it sends.

local home = ...

local function text(name)
    local file = assert(io.open(home .. "/" .. name, "rb"))
    local content = file:read("*a")
    file:close()
    return content
end

local reply, chunk, block = text("reply"), text("chunk"), text("block")
local message, opening, delta, closing = text("message"), text("opening"), text("delta"), text("closing")
local done = "data: [DONE]\n\n"

local mock = {}

-- Plain searches: a pattern would cost more than the rest of the answer.
local function wants_stream()
    ngx.req.read_body()
    local body = ngx.req.get_body_data() or ""
    return (string.find(body, '"stream":true', 1, true) or string.find(body, '"stream": true', 1, true)) ~= nil
end

-- Returns nothing once the client is gone; waits while it does not read.
local function send(piece)
    return ngx.print(piece) and ngx.flush(true)
end

local function stream(chunks, piece)
    ngx.header["Content-Type"] = "text/event-stream"
    for _ = 1, chunks do
        if not send(piece or chunk) then return false end
        ngx.sleep(0.005)
    end
    return true
end

local function plain(whole)
    ngx.header["Content-Type"] = "application/json"
    ngx.header["Content-Length"] = #whole
    ngx.print(whole)
end

function mock.answer(chunks)
    if wants_stream() then
        if stream(chunks) then send(done) end
    else
        plain(reply)
    end
end

function mock.claude(chunks)
    if wants_stream() then
        ngx.header["Content-Type"] = "text/event-stream"
        if send(opening) and stream(chunks, delta) then send(closing) end
    else
        plain(message)
    end
end

-- Texts are read once for each worker.
local texts = {}

local function kept(name)
    texts[name] = texts[name] or text(name)
    return texts[name]
end

function mock.wire(name, pieces)
    if wants_stream() then
        ngx.header["Content-Type"] = "text/event-stream"
        for number = 0, pieces - 1 do
            if not send(kept(name .. "-" .. number)) then return end
        end
    else
        plain(kept(name .. "-answer"))
    end
end

function mock.brief()
    mock.answer(10)
end

function mock.idle()
    ngx.req.read_body()
    stream(1)
    ngx.sleep(600)
end

function mock.flood(megabytes)
    ngx.req.read_body()
    ngx.header["Content-Type"] = "text/event-stream"
    for _ = 1, megabytes * 1e6 / #block do
        if not send(block) then return end
    end
    send(done)
end

function mock.reset()
    ngx.req.read_body()
    ngx.exit(444)
end

function mock.cut()
    ngx.req.read_body()
    stream(3)
    ngx.exit(ngx.ERROR)
end

function mock.stall()
    ngx.req.read_body()
    ngx.sleep(600)
end

return mock
