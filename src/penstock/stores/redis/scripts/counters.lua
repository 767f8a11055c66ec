-- The steps of counters on Redis: each is one call of this script, so nothing comes between its test and its taking.
--
-- KEYS[1] is the beginning of all keys, with a hash tag: in a cluster they share a slot. ARGV[1] names the step, ARGV[2]
-- is the call in MessagePack (stores/counter_calls.py), and so is the answer: JSON of this Lua would round amounts.
-- Numbers are doubles: amounts are exact up to 2^53.
--
-- PREFIX:b:LIMIT:VALUE:EPOCH:START   a counter: {settled, reserved, state of its alerts, parts {number, amount, end}}
-- PREFIX:n:LIMIT:EPOCH:START         the values that have a counter, by when they need none any more
-- PREFIX:r:REQUEST:ATTEMPT           a reservation: {state, worker, opened, items}
-- PREFIX:open:WORKER                 open reservations of a worker, by when they were opened
-- PREFIX:lost                        lost reservations of which the ledger wasn't told yet, by when they were lost
-- PREFIX:workers                     workers, by the end of their lease
-- PREFIX:generation                  set when the counters were loaded: a step of another generation is not made, but
--                                    for those that load

local prefix = KEYS[1]
local step = ARGV[1]
local call = cmsgpack.unpack(ARGV[2])
local OVERFLOW = 'ff'
local SETTLED, RESERVED, ALERTS, PARTS = 1, 2, 3, 4

local at = call.at
-- The server forgets keys by its own time: a test's time may be slower.
local slack = at and 86400000000 or 0
if not at then
    local time = redis.call('TIME')
    at = time[1] * 1000000 + time[2]
end

local function text(number)
    return string.format('%.0f', number)
end

local function counter_key(hold, value)
    return table.concat({prefix, 'b', hold.limit, value, text(hold.epoch), text(hold.start)}, ':')
end

local function values_key(hold)
    return table.concat({prefix, 'n', hold.limit, text(hold.epoch), text(hold.start)}, ':')
end

local function is_window(hold)
    return hold.kind == 'sliding' or hold.kind == 'fixed'
end

local function load(hold, value)
    local raw = redis.call('GET', counter_key(hold, value))
    if not raw then
        return nil
    end
    local counter = cmsgpack.unpack(raw)
    local inside = {}
    for _, part in ipairs(counter[PARTS]) do
        if part[3] > at then
            inside[#inside + 1] = part
        end
    end
    counter[PARTS] = inside
    return counter
end

-- How long a counter is needed, in microseconds; nil for ever.
local function needed(hold)
    if hold.kind == 'budget' then
        return hold.ends and math.max(hold.ends - at, 0) + call.kept + slack
    elseif is_window(hold) then
        return hold.length + hold.step + slack
    end
end

local function save(hold, value, counter)
    local key = counter_key(hold, value)
    local counts = hold.grouped and value ~= OVERFLOW
    if #counter[PARTS] == 0 and counter[SETTLED] == 0 and counter[RESERVED] == 0 and counter[ALERTS] == 0 then
        redis.call('DEL', key)
        if counts then
            redis.call('ZREM', values_key(hold), value)
        end
        return
    end
    local time = needed(hold)
    if time then
        redis.call('SET', key, cmsgpack.pack(counter), 'PX', text(math.ceil(time / 1000)))
    else
        redis.call('SET', key, cmsgpack.pack(counter))
    end
    if counts then
        redis.call('ZADD', values_key(hold), time and text(at + time) or '+inf', value)
    end
end

-- The value and the counter of a hold, and whether the overflow begins with it.
local function find(hold)
    local counter = load(hold, hold.value)
    if counter then
        return hold.value, counter, false
    end
    if hold.grouped then
        local values = values_key(hold)
        redis.call('ZREMRANGEBYSCORE', values, '-inf', text(at))
        if redis.call('ZCARD', values) >= call.most and not redis.call('ZSCORE', values, hold.value) then
            counter = load(hold, OVERFLOW)
            return OVERFLOW, counter or {0, 0, 0, {}}, not counter
        end
    end
    return hold.value, {0, 0, 0, {}}, false
end

local function fits(hold, counter)
    if hold.kind == 'budget' then
        return counter[SETTLED] + counter[RESERVED] + hold.amount <= hold.cap
            and (hold.amount > 0 or counter[SETTLED] < hold.cap)
    elseif hold.kind == 'gauge' then
        return counter[RESERVED] + hold.amount <= hold.cap
    end
    local used = 0
    for _, part in ipairs(counter[PARTS]) do
        used = used + part[2]
    end
    return used + hold.amount <= hold.cap
end

-- Take what fits. Returns the number of the window's part.
local function take(hold, counter)
    if not is_window(hold) then
        counter[RESERVED] = counter[RESERVED] + hold.amount
        return nil
    end
    local parts = counter[PARTS]
    local newest = parts[#parts]
    local number = math.floor(at / hold.step)
    if newest and newest[1] > number then
        number = newest[1]
    end
    local ends = hold.kind == 'sliding' and at + hold.length or (number + 1) * hold.length
    if newest and newest[1] == number then
        newest[2] = newest[2] + hold.amount
        newest[3] = math.max(newest[3], ends)
    else
        parts[#parts + 1] = {number, hold.amount, ends}
    end
    return number
end

local function reservation_name()
    return call.request .. ':' .. text(call.attempt)
end

local function load_reservation(name)
    local raw = redis.call('GET', prefix .. ':r:' .. name)
    return raw and cmsgpack.unpack(raw)
end

local function save_reservation(name, reservation, kept)
    local raw = cmsgpack.pack(reservation)
    if kept then
        redis.call('SET', prefix .. ':r:' .. name, raw, 'PX', text(math.ceil(kept / 1000)))
    else
        redis.call('SET', prefix .. ':r:' .. name, raw)
    end
end

local function close_reservation(name, worker)
    redis.call('ZREM', prefix .. ':open:' .. worker, name)
    save_reservation(name, {state = 'closed', worker = worker, opened = at, items = {}}, call.closed_kept)
end

local function is_same(one, other)
    return one.limit == other.limit and one.value == other.value and one.epoch == other.epoch
        and one.start == other.start
end

local function item_of(items, hold)
    for _, item in ipairs(items) do
        if is_same(item, hold) then
            return item
        end
    end
end

local function alert(alerts, kind, amount, item)
    alerts[#alerts + 1] = {kind, amount, item.limit, item.value, item.epoch, item.start, item.definition}
end

-- What the step adds to settled amounts: the parts of the counter's key, its name, the amount, the end of its window.
local charges = {}

-- Charge a budget, which is counted under a value; the alerts that are due are added.
local function charge(item, value, counter, amount, given_back, overrun, alerts)
    counter[RESERVED] = counter[RESERVED] - given_back
    counter[SETTLED] = counter[SETTLED] + amount
    if amount ~= 0 then
        charges[#charges + 1] = {item.limit, value, item.epoch, item.start, item.name, amount, item.ends or -1}
    end
    if overrun > 0 then
        alert(alerts, 'overrun', overrun, item)
    end
    local due = 0
    if counter[SETTLED] >= item.cap then
        due = 2
    elseif item.alert_at and counter[SETTLED] >= item.alert_at then
        due = 1
    end
    if due > counter[ALERTS] then
        counter[ALERTS] = due
        alert(alerts, due == 2 and 'exhausted' or 'threshold', counter[SETTLED], item)
    end
end

-- Close an item of an open reservation with what it is charged.
local function close_item(item, amount, overrun, alerts)
    local counter = load(item, item.counter) or {0, is_window(item) and 0 or item.amount, 0, {}}
    if item.kind == 'budget' then
        charge(item, item.counter, counter, amount, item.amount, overrun, alerts)
    elseif item.kind == 'gauge' then
        counter[RESERVED] = counter[RESERVED] - item.amount
    else
        for _, part in ipairs(counter[PARTS]) do
            if part[1] == item.mark then
                part[2] = part[2] + amount - item.amount
            end
        end
    end
    save(item, item.counter, counter)
end

-- What an item is charged if nothing was spent: a request stays counted in a rate.
local function unspent(item)
    return is_window(item) and cjson.decode(item.definition).kind == 'requests' and item.amount or 0
end

local function open_new(name, worker, items)
    save_reservation(name, {state = 'open', worker = worker, opened = at, items = items})
    redis.call('ZADD', prefix .. ':open:' .. worker, text(at), name)
    redis.call('ZADD', prefix .. ':workers', 'NX', text(at + call.lease), worker)
end

local function put_items(items, holds, found)
    for n, hold in ipairs(holds) do
        local mark = take(hold, found[n].counter)
        save(hold, found[n].value, found[n].counter)
        local item = item_of(items, hold)
        if item then
            item.amount = item.amount + hold.amount
        else
            hold.counter, hold.mark, hold.charged = found[n].value, mark, 0
            items[#items + 1] = hold
        end
    end
end

local steps = {}

function steps.reserve()
    local name = reservation_name()
    local reservation = load_reservation(name)
    local state = reservation and reservation.state
    if call.extends and state ~= 'open' or not call.extends and state and state ~= 'open' then
        return {outcome = 'closed'}
    end
    local takes = call.extends or not reservation
    local items = reservation and reservation.items or {}
    local found, overflowed, all_fit = {}, {}, true
    for n, hold in ipairs(call.holds) do
        local item = call.extends and item_of(items, hold)
        local value, counter, begins
        if item then
            value, counter, begins = item.counter, load(hold, item.counter) or {0, 0, 0, {}}, false
        else
            value, counter, begins = find(hold)
        end
        found[n] = {value = value, counter = counter}
        if begins then
            overflowed[#overflowed + 1] = n - 1
        end
        all_fit = all_fit and (not takes or call.rebuilds or fits(hold, counter))
    end
    if takes and all_fit then
        put_items(items, call.holds, found)
        if reservation then
            save_reservation(name, reservation)
        else
            open_new(name, call.worker, items)
        end
    else
        overflowed = {}
    end
    local counters = {}
    for n, each in ipairs(found) do
        local counter = each.counter
        counters[n] = {counter[SETTLED], counter[RESERVED], counter[ALERTS], counter[PARTS], each.value}
    end
    return {outcome = all_fit and 'taken' or 'exceeded', at = at, counters = counters, overflowed = overflowed}
end

function steps.settle()
    local name = reservation_name()
    local reservation = load_reservation(name)
    local alerts = {}
    reservation = reservation or {state = 'unknown', worker = call.worker, items = {}}
    local is_repeated = reservation.state == 'closed'
    if not is_repeated then
        -- Budgets that the caller holds and the reservation doesn't: nothing was reserved in them.
        for _, hold in ipairs(call.holds) do
            if hold.kind == 'budget' and not item_of(reservation.items, hold) then
                local value, counter = find(hold)
                charge(hold, value, counter, hold.charge or hold.amount, 0, 0, alerts)
                save(hold, value, counter)
            end
        end
        for _, item in ipairs(reservation.items) do
            local hold = item_of(call.holds, item)
            local amount = hold and hold.charge or item.amount
            if reservation.state == 'open' then
                close_item(item, amount, amount - item.amount, alerts)
            elseif item.kind == 'budget' then
                local counter = load(item, item.counter) or {0, 0, 0, {}}
                charge(item, item.counter, counter, amount - item.charged, 0, 0, alerts)
                save(item, item.counter, counter)
            end
        end
        close_reservation(name, reservation.worker)
    end
    return {alerts = alerts, charges = charges, is_repeated = is_repeated}
end

-- Close items of which nothing was spent: those of some buckets, or all and the reservation with them. A reservation
-- that isn't known is closed, too: a call that comes late must not open it.
function steps.release()
    local name = reservation_name()
    local reservation = load_reservation(name)
    if not reservation and not call.keys then
        close_reservation(name, call.worker)
    end
    if not reservation or reservation.state ~= 'open' then
        return 0
    end
    local kept = {}
    for _, item in ipairs(reservation.items) do
        local is_named = not call.keys
        for _, key in ipairs(call.keys or {}) do
            is_named = is_named or is_same(item, {limit = key[1], value = key[2], epoch = key[3], start = key[4]})
        end
        if is_named then
            close_item(item, unspent(item), 0, {})
        else
            kept[#kept + 1] = item
        end
    end
    if call.keys then
        reservation.items = kept
        save_reservation(name, reservation)
    else
        close_reservation(name, reservation.worker)
    end
    return 0
end

local function is_of_dollars(item)
    return item.kind == 'budget' and cjson.decode(item.definition).kind == 'cost'
end

local function lose_one(worker, name, alerts)
    local reservation = load_reservation(name)
    redis.call('ZREM', prefix .. ':open:' .. worker, name)
    if not reservation or reservation.state ~= 'open' then
        return
    end
    for _, item in ipairs(reservation.items) do
        item.charged = item.amount
        if item.kind == 'budget' and cjson.decode(item.definition).on_loss == 'release' then
            item.charged = 0
        end
        close_item(item, item.charged, 0, alerts)
        if is_of_dollars(item) then
            redis.call('ZADD', prefix .. ':lost', text(at), name)
        end
    end
    reservation.state = 'lost'
    save_reservation(name, reservation, call.lost_kept)
end

-- What budgets in dollars were charged for lost reservations of which the ledger wasn't told yet.
local function untold()
    local of = {}
    for _, name in ipairs(redis.call('ZRANGE', prefix .. ':lost', 0, call.most - 1)) do
        local reservation = load_reservation(name)
        local request, attempt = string.match(name, '^(.*):(%d+)$')
        if not reservation or reservation.state ~= 'lost' then
            redis.call('ZREM', prefix .. ':lost', name)
        else
            for _, item in ipairs(reservation.items) do
                if is_of_dollars(item) then
                    local key = {item.limit, item.counter, item.epoch, item.start}
                    of[#of + 1] = {request, tonumber(attempt), unpack(key)}
                    table.insert(of[#of], item.charged)
                end
            end
        end
    end
    return of
end

-- The ledger has a line of lost reservations.
function steps.told()
    for _, each in ipairs(call.reservations) do
        redis.call('ZREM', prefix .. ':lost', each[1] .. ':' .. text(each[2]))
    end
    return 0
end

-- Close reservations as lost that are too old, or whose worker is dead.
function steps.lose()
    local alerts, lost = {}, 0
    local workers = redis.call('ZRANGE', prefix .. ':workers', 0, -1, 'WITHSCORES')
    for n = 1, #workers, 2 do
        local worker, is_dead = workers[n], tonumber(workers[n + 1]) <= at
        local before = at - call.older_than
        if is_dead then
            before = math.max(before, at - call.lease)
        end
        local open = prefix .. ':open:' .. worker
        local names = redis.call('ZRANGEBYSCORE', open, '-inf', '(' .. text(before), 'LIMIT', 0, call.most - lost)
        for _, name in ipairs(names) do
            lose_one(worker, name, alerts)
        end
        lost = lost + #names
        if is_dead and redis.call('ZCARD', open) == 0 then
            redis.call('ZREM', prefix .. ':workers', worker)
        end
    end
    return {lost = lost, alerts = alerts, charges = charges, of = untold()}
end

-- Set what is settled in a budget, without an alert. Returns what was settled before.
function steps.open_balance()
    local hold = call.holds[1]
    local value, counter = find(hold)
    local before = counter[SETTLED]
    counter[SETTLED], counter[ALERTS] = 0, 0
    charge(hold, value, counter, call.settled, 0, 0, {})
    save(hold, value, counter)
    return before
end

function steps.usage()
    local key = call.keys[1]
    local counter = load({limit = key[1], epoch = key[3], start = key[4]}, key[2])
    return counter and {counter[SETTLED], counter[RESERVED]} or {0, 0}
end

-- Renew the lease of a worker. Returns how many workers have a lease.
function steps.renew()
    redis.call('ZADD', prefix .. ':workers', text(at + call.lease), call.worker)
    return redis.call('ZCOUNT', prefix .. ':workers', '(' .. text(at), '+inf')
end

-- Give the lease back; open reservations of the worker are lost when they are as old as a lease.
function steps.leave()
    redis.call('ZADD', prefix .. ':workers', 'XX', text(at), call.worker)
    return 0
end

if not call.rebuilds then
    local generation = redis.call('GET', prefix .. ':generation')
    if not generation or call.generation ~= '' and call.generation ~= generation then
        return redis.error_reply('NOGENERATION the counters were lost')
    end
end
return cmsgpack.pack(steps[step]())
