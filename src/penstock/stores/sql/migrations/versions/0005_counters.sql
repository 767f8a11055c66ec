-- The steps of counters on PostgreSQL: each is one call of one function (docs/limits.md#where-the-counters-live).
--
-- Rows are locked in the order of the buckets' keys, with SELECT … FOR UPDATE as a statement of its own: the next
-- statement sees what the lock has waited for. An amount is added by an UPDATE that tests the row's own columns again.

CREATE FUNCTION penstock_now() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$

-- next function

-- A counter as the callers read it: settled, reserved, the state of its alerts, the parts of its window, its value.
CREATE FUNCTION penstock_state(k_limit text, k_value bytea, k_epoch integer, k_start bigint, at bigint)
RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(b.settled, b.reserved, b.alert_state, coalesce((
        SELECT jsonb_agg(jsonb_build_array(p.number, p.amount, p.ends) ORDER BY p.number) FROM rate_part p
        WHERE p.limit_id = k_limit AND p.value = k_value AND p.epoch = k_epoch AND p.window_start = k_start
            AND p.ends > at
    ), '[]'), encode(k_value, 'hex'))
    FROM bucket b
    WHERE b.limit_id = k_limit AND b.value = k_value AND b.epoch = k_epoch AND b.window_start = k_start
$$

-- next function

-- The value of the counter that counts a hold, which is made if there is none: the overflow's, if a limit that is
-- divided by values has as many counters as it may have.
CREATE FUNCTION penstock_counter(hold jsonb, most bigint, at bigint, OUT counter bytea, OUT overflowed boolean)
LANGUAGE plpgsql AS $$
DECLARE
    k_limit text := hold->>'limit';
    k_epoch integer := hold->>'epoch';
    k_start bigint := hold->>'start';
    v_ends bigint := hold->>'ends';
BEGIN
    counter := decode(hold->>'value', 'hex');
    overflowed := false;
    PERFORM 1 FROM bucket b
    WHERE b.limit_id = k_limit AND b.value = counter AND b.epoch = k_epoch AND b.window_start = k_start;
    IF FOUND THEN
        RETURN;
    END IF;
    IF (hold->>'grouped')::boolean THEN
        INSERT INTO bucket_count AS c VALUES (k_limit, k_epoch, k_start, 0) ON CONFLICT DO NOTHING;
        UPDATE bucket_count c SET live = c.live + 1
        WHERE c.limit_id = k_limit AND c.epoch = k_epoch AND c.window_start = k_start AND c.live < most;
        IF NOT FOUND THEN
            counter := '\xff';
            INSERT INTO bucket (limit_id, value, epoch, window_start, value_key, ends, touched_at)
            VALUES (k_limit, counter, k_epoch, k_start, 'overflow', v_ends, at) ON CONFLICT DO NOTHING;
            overflowed := FOUND;
            RETURN;
        END IF;
    END IF;
    INSERT INTO bucket (limit_id, value, epoch, window_start, value_key, ends, touched_at)
    VALUES (k_limit, counter, k_epoch, k_start, hold->>'name', v_ends, at) ON CONFLICT DO NOTHING;
    IF NOT FOUND AND (hold->>'grouped')::boolean THEN
        UPDATE bucket_count c SET live = c.live - 1
        WHERE c.limit_id = k_limit AND c.epoch = k_epoch AND c.window_start = k_start;
    END IF;
END $$

-- next function

-- Lock the counter of a hold, and say whether an amount fits.
CREATE FUNCTION penstock_fits(hold jsonb, counter bytea, at bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    k_limit text := hold->>'limit';
    k_epoch integer := hold->>'epoch';
    k_start bigint := hold->>'start';
    v_amount bigint := hold->>'amount';
    v_cap bigint := hold->>'cap';
    v_settled bigint;
    v_reserved bigint;
BEGIN
    SELECT b.settled, b.reserved INTO v_settled, v_reserved FROM bucket b
    WHERE b.limit_id = k_limit AND b.value = counter AND b.epoch = k_epoch AND b.window_start = k_start FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a counter was dropped while it was reserved' USING ERRCODE = 'serialization_failure';
    END IF;
    IF hold->>'kind' = 'budget' THEN
        RETURN v_settled + v_reserved + v_amount <= v_cap AND (v_amount > 0 OR v_settled < v_cap);
    ELSIF hold->>'kind' = 'gauge' THEN
        RETURN v_reserved + v_amount <= v_cap;
    END IF;
    RETURN v_amount + (
        SELECT coalesce(sum(p.amount), 0) FROM rate_part p
        WHERE p.limit_id = k_limit AND p.value = counter AND p.epoch = k_epoch AND p.window_start = k_start
            AND p.ends > at
    ) <= v_cap;
END $$

-- next function

-- Take an amount that fits, from a counter that is locked. Returns the number of the window's part.
CREATE FUNCTION penstock_take(hold jsonb, counter bytea, at bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    k_limit text := hold->>'limit';
    k_epoch integer := hold->>'epoch';
    k_start bigint := hold->>'start';
    v_amount bigint := hold->>'amount';
    v_cap bigint := hold->>'cap';
    v_length bigint := hold->>'length';
    v_number bigint;
BEGIN
    IF hold->>'kind' IN ('budget', 'gauge') THEN
        UPDATE bucket b SET reserved = b.reserved + v_amount, touched_at = at
        WHERE b.limit_id = k_limit AND b.value = counter AND b.epoch = k_epoch AND b.window_start = k_start
            AND b.settled + b.reserved + v_amount <= v_cap;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a counter was changed under its lock' USING ERRCODE = 'serialization_failure';
        END IF;
        RETURN NULL;
    END IF;
    DELETE FROM rate_part p
    WHERE p.limit_id = k_limit AND p.value = counter AND p.epoch = k_epoch AND p.window_start = k_start
        AND p.ends <= at;
    SELECT greatest(max(p.number), at / (hold->>'step')::bigint) INTO v_number FROM rate_part p
    WHERE p.limit_id = k_limit AND p.value = counter AND p.epoch = k_epoch AND p.window_start = k_start;
    INSERT INTO rate_part AS p (limit_id, value, epoch, window_start, number, amount, ends)
    VALUES (
        k_limit, counter, k_epoch, k_start, v_number, v_amount,
        CASE hold->>'kind' WHEN 'sliding' THEN at + v_length ELSE (v_number + 1) * v_length END
    )
    ON CONFLICT ON CONSTRAINT pk_rate_part
    DO UPDATE SET amount = p.amount + excluded.amount, ends = greatest(p.ends, excluded.ends);
    RETURN v_number;
END $$

-- next function

-- Charge a budget. Returns the alerts that are due. The row is locked before, so the alert state is the newest.
CREATE FUNCTION penstock_charge(item reservation_item, amount bigint, given_back bigint, overrun bigint, at bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    definition jsonb := item.definition;
    v_cap bigint := definition->>'cap';
    v_alert_at bigint := definition->>'alert_at';
    v_before integer;
    v_after integer;
    v_settled bigint;
    v_key jsonb := jsonb_build_array(
        item.limit_id, encode(item.value, 'hex'), item.epoch, item.window_start, item.definition
    );
    alerts jsonb := '[]';
BEGIN
    SELECT b.alert_state INTO v_before FROM bucket b
    WHERE b.limit_id = item.limit_id AND b.value = item.counter_value AND b.epoch = item.epoch
        AND b.window_start = item.window_start FOR UPDATE;
    UPDATE bucket b SET
        reserved = b.reserved - given_back,
        settled = b.settled + amount,
        alert_state = greatest(b.alert_state, CASE
            WHEN b.settled + amount >= v_cap THEN 2 WHEN b.settled + amount >= v_alert_at THEN 1 ELSE 0 END),
        touched_at = at
    WHERE b.limit_id = item.limit_id AND b.value = item.counter_value AND b.epoch = item.epoch
        AND b.window_start = item.window_start
    RETURNING b.settled, b.alert_state INTO v_settled, v_after;
    IF overrun > 0 THEN
        alerts := alerts || jsonb_build_array(jsonb_build_array('overrun', overrun) || v_key);
    END IF;
    IF v_after > v_before THEN
        alerts := alerts || jsonb_build_array(jsonb_build_array(
            CASE v_after WHEN 2 THEN 'exhausted' ELSE 'threshold' END, v_settled) || v_key);
    END IF;
    RETURN alerts;
END $$

-- next function

-- Close an item of an open reservation with what it is charged. Returns the alerts that are due.
CREATE FUNCTION penstock_close(item reservation_item, charge bigint, overrun bigint, at bigint)
RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    definition jsonb := item.definition;
BEGIN
    IF (definition->>'is_budget')::boolean THEN
        RETURN penstock_charge(item, charge, item.amount, overrun, at);
    END IF;
    PERFORM 1 FROM bucket b
    WHERE b.limit_id = item.limit_id AND b.value = item.counter_value AND b.epoch = item.epoch
        AND b.window_start = item.window_start FOR UPDATE;
    IF (definition->>'is_rate')::boolean THEN
        UPDATE rate_part p SET amount = p.amount + charge - item.amount
        WHERE p.limit_id = item.limit_id AND p.value = item.counter_value AND p.epoch = item.epoch
            AND p.window_start = item.window_start AND p.number = item.mark;
    ELSE
        UPDATE bucket b SET reserved = b.reserved - item.amount, touched_at = at
        WHERE b.limit_id = item.limit_id AND b.value = item.counter_value AND b.epoch = item.epoch
            AND b.window_start = item.window_start;
    END IF;
    RETURN '[]';
END $$

-- next function

-- What an item is charged if nothing was spent: a request stays counted in a rate.
CREATE FUNCTION penstock_unspent(item reservation_item) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN item.definition::jsonb->>'kind' = 'requests' AND (item.definition::jsonb->>'is_rate')::boolean
        THEN item.amount ELSE 0 END
$$

-- next function

CREATE FUNCTION penstock_reserve(call jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := coalesce((call->>'at')::bigint, penstock_now());
    v_request text := call->>'request';
    v_attempt integer := call->>'attempt';
    extends boolean := call->>'extends';
    v_state text;
    hold jsonb;
    counters bytea[] := '{}';
    found_counter record;
    held bytea;
    overflowed integer[] := '{}';
    all_fit boolean := true;
    v_mark bigint;
    n integer;
    states jsonb := '[]';
BEGIN
    -- A reservation that a crash of the server loses is charged when it is settled.
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT r.state INTO v_state FROM reservation r
    WHERE r.request_id = v_request AND r.attempt = v_attempt FOR UPDATE;
    IF extends AND v_state IS DISTINCT FROM 'open' OR NOT extends AND v_state <> 'open' THEN
        RETURN jsonb_build_object('outcome', 'closed');
    END IF;
    FOR n IN 0..jsonb_array_length(call->'holds') - 1 LOOP
        hold := call->'holds'->n;
        held := NULL;
        IF extends THEN
            SELECT i.counter_value INTO held FROM reservation_item i
            WHERE i.request_id = v_request AND i.attempt = v_attempt AND i.limit_id = hold->>'limit'
                AND i.value = decode(hold->>'value', 'hex') AND i.epoch = (hold->>'epoch')::integer
                AND i.window_start = (hold->>'start')::bigint;
        END IF;
        IF held IS NULL THEN
            SELECT * INTO found_counter FROM penstock_counter(hold, (call->>'most')::bigint, v_at);
            held := found_counter.counter;
            IF found_counter.overflowed THEN
                overflowed := overflowed || n;
            END IF;
        END IF;
        counters := counters || held;
    END LOOP;
    IF extends OR v_state IS NULL THEN
        FOR n IN 0..jsonb_array_length(call->'holds') - 1 LOOP
            all_fit := all_fit AND penstock_fits(call->'holds'->n, counters[n + 1], v_at);
        END LOOP;
    END IF;
    IF all_fit AND (extends OR v_state IS NULL) THEN
        IF v_state IS NULL THEN
            INSERT INTO reservation (request_id, attempt, worker_id, state, opened_at)
            VALUES (v_request, v_attempt, call->>'worker', 'open', v_at);
        END IF;
        FOR n IN 0..jsonb_array_length(call->'holds') - 1 LOOP
            hold := call->'holds'->n;
            v_mark := penstock_take(hold, counters[n + 1], v_at);
            INSERT INTO reservation_item AS i (
                request_id, attempt, limit_id, value, epoch, window_start, counter_value, amount, mark, definition
            ) VALUES (
                v_request, v_attempt, hold->>'limit', decode(hold->>'value', 'hex'), (hold->>'epoch')::integer,
                (hold->>'start')::bigint, counters[n + 1], (hold->>'amount')::bigint, v_mark, hold->>'definition'
            )
            ON CONFLICT ON CONSTRAINT pk_reservation_item DO UPDATE SET amount = i.amount + excluded.amount;
        END LOOP;
    END IF;
    FOR n IN 0..jsonb_array_length(call->'holds') - 1 LOOP
        hold := call->'holds'->n;
        states := states || jsonb_build_array(penstock_state(
            hold->>'limit', counters[n + 1], (hold->>'epoch')::integer, (hold->>'start')::bigint, v_at));
    END LOOP;
    RETURN jsonb_build_object(
        'outcome', CASE WHEN all_fit THEN 'taken' ELSE 'exceeded' END, 'at', v_at, 'counters', states,
        'overflowed', to_jsonb(overflowed));
END $$

-- next function

CREATE FUNCTION penstock_settle(call jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := coalesce((call->>'at')::bigint, penstock_now());
    v_request text := call->>'request';
    v_attempt integer := call->>'attempt';
    v_state text;
    item reservation_item;
    v_charge bigint;
    not_reserved CONSTANT bigint := -1;
    hold jsonb;
    found_counter record;
    alerts jsonb := '[]';
BEGIN
    SELECT r.state INTO v_state FROM reservation r
    WHERE r.request_id = v_request AND r.attempt = v_attempt FOR UPDATE;
    IF v_state = 'closed' THEN
        RETURN alerts;
    END IF;
    IF v_state IS NULL THEN
        INSERT INTO reservation (request_id, attempt, worker_id, state, opened_at, closed_at)
        VALUES (v_request, v_attempt, call->>'worker', 'closed', v_at, v_at);
    END IF;
    -- Budgets that the caller holds and the reservation doesn't: nothing was reserved in them.
    FOR hold IN SELECT * FROM jsonb_array_elements(call->'holds') LOOP
        CONTINUE WHEN hold->>'kind' <> 'budget' OR EXISTS (
            SELECT 1 FROM reservation_item i
            WHERE i.request_id = v_request AND i.attempt = v_attempt AND i.limit_id = hold->>'limit'
                AND i.value = decode(hold->>'value', 'hex') AND i.epoch = (hold->>'epoch')::integer
                AND i.window_start = (hold->>'start')::bigint);
        SELECT * INTO found_counter FROM penstock_counter(hold, (call->>'most')::bigint, v_at);
        INSERT INTO reservation_item (
            request_id, attempt, limit_id, value, epoch, window_start, counter_value, amount, mark, definition
        ) VALUES (
            v_request, v_attempt, hold->>'limit', decode(hold->>'value', 'hex'), (hold->>'epoch')::integer,
            (hold->>'start')::bigint, found_counter.counter, (hold->>'amount')::bigint, not_reserved, hold->>'definition'
        );
    END LOOP;
    FOR item IN
        SELECT * FROM reservation_item i WHERE i.request_id = v_request AND i.attempt = v_attempt
        ORDER BY i.limit_id COLLATE "C", i.value, i.epoch, i.window_start
    LOOP
        SELECT h.charge INTO v_charge FROM jsonb_to_recordset(call->'holds')
            AS h("limit" text, value text, epoch integer, start bigint, charge bigint)
        WHERE h."limit" = item.limit_id AND h.value = encode(item.value, 'hex') AND h.epoch = item.epoch
            AND h.start = item.window_start;
        v_charge := coalesce(v_charge, item.amount);
        IF v_state = 'open' AND item.mark IS DISTINCT FROM not_reserved THEN
            alerts := alerts || penstock_close(item, v_charge, v_charge - item.amount, v_at);
        ELSIF (item.definition::jsonb->>'is_budget')::boolean THEN
            alerts := alerts || penstock_charge(item, v_charge - item.charged, 0, 0, v_at);
        END IF;
    END LOOP;
    DELETE FROM reservation_item i WHERE i.request_id = v_request AND i.attempt = v_attempt;
    UPDATE reservation r SET state = 'closed', closed_at = v_at
    WHERE r.request_id = v_request AND r.attempt = v_attempt;
    RETURN alerts;
END $$

-- next function

-- Close items of which nothing was spent: those of some buckets, or all and the reservation with them. A reservation
-- that isn't known is closed, too: a call that comes late must not open it.
CREATE FUNCTION penstock_release(call jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := coalesce((call->>'at')::bigint, penstock_now());
    v_request text := call->>'request';
    v_attempt integer := call->>'attempt';
    v_keys jsonb := call->'keys';
    is_whole boolean := jsonb_typeof(v_keys) = 'null';
    v_state text;
    item reservation_item;
BEGIN
    SELECT r.state INTO v_state FROM reservation r
    WHERE r.request_id = v_request AND r.attempt = v_attempt FOR UPDATE;
    IF v_state IS NULL AND is_whole THEN
        INSERT INTO reservation (request_id, attempt, worker_id, state, opened_at, closed_at)
        VALUES (v_request, v_attempt, call->>'worker', 'closed', v_at, v_at);
    END IF;
    IF v_state IS DISTINCT FROM 'open' THEN
        RETURN;
    END IF;
    FOR item IN
        SELECT * FROM reservation_item i WHERE i.request_id = v_request AND i.attempt = v_attempt
        ORDER BY i.limit_id COLLATE "C", i.value, i.epoch, i.window_start
    LOOP
        CONTINUE WHEN NOT is_whole AND NOT v_keys @> jsonb_build_array(jsonb_build_array(
            item.limit_id, encode(item.value, 'hex'), item.epoch, item.window_start));
        PERFORM penstock_close(item, penstock_unspent(item), 0, v_at);
        DELETE FROM reservation_item i
        WHERE i.request_id = v_request AND i.attempt = v_attempt AND i.limit_id = item.limit_id
            AND i.value = item.value AND i.epoch = item.epoch AND i.window_start = item.window_start;
    END LOOP;
    IF is_whole THEN
        UPDATE reservation r SET state = 'closed', closed_at = v_at
        WHERE r.request_id = v_request AND r.attempt = v_attempt;
    END IF;
END $$

-- next function

-- Close reservations as lost that are too old, or whose worker is dead. Returns how many there were, and the alerts.
-- One worker at a time does it.
CREATE FUNCTION penstock_lose(call jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := coalesce((call->>'at')::bigint, penstock_now());
    dead reservation;
    item reservation_item;
    v_charge bigint;
    alerts jsonb := '[]';
    lost integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('penstock_lose')) THEN
        RETURN jsonb_build_object('lost', 0, 'alerts', alerts);
    END IF;
    FOR dead IN
        SELECT * FROM reservation r WHERE r.state = 'open' AND (
            r.opened_at < v_at - (call->>'older_than')::bigint
            OR r.opened_at < v_at - (call->>'lease')::bigint
                AND NOT EXISTS (SELECT 1 FROM worker w WHERE w.id = r.worker_id AND w.lease_until > v_at)
        ) ORDER BY r.opened_at LIMIT (call->>'most')::integer FOR UPDATE SKIP LOCKED
    LOOP
        lost := lost + 1;
        FOR item IN
            SELECT * FROM reservation_item i WHERE i.request_id = dead.request_id AND i.attempt = dead.attempt
            ORDER BY i.limit_id COLLATE "C", i.value, i.epoch, i.window_start
        LOOP
            v_charge := CASE WHEN (item.definition::jsonb->>'is_budget')::boolean
                AND item.definition::jsonb->>'on_loss' = 'release' THEN 0 ELSE item.amount END;
            alerts := alerts || penstock_close(item, v_charge, 0, v_at);
            UPDATE reservation_item i SET charged = v_charge
            WHERE i.request_id = item.request_id AND i.attempt = item.attempt AND i.limit_id = item.limit_id
                AND i.value = item.value AND i.epoch = item.epoch AND i.window_start = item.window_start;
        END LOOP;
        UPDATE reservation r SET state = 'lost', closed_at = v_at
        WHERE r.request_id = dead.request_id AND r.attempt = dead.attempt;
    END LOOP;
    RETURN jsonb_build_object('lost', lost, 'alerts', alerts);
END $$

-- next function

-- Set what is settled in a budget, without an alert. Returns what was settled before.
CREATE FUNCTION penstock_open_balance(call jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := coalesce((call->>'at')::bigint, penstock_now());
    hold jsonb := call->'holds'->0;
    v_settled bigint := call->>'settled';
    v_cap bigint := hold->>'cap';
    v_alert_at bigint := hold->>'alert_at';
    found_counter record;
    v_before bigint;
BEGIN
    SELECT * INTO found_counter FROM penstock_counter(hold, (call->>'most')::bigint, v_at);
    SELECT b.settled INTO v_before FROM bucket b
    WHERE b.limit_id = hold->>'limit' AND b.value = found_counter.counter AND b.epoch = (hold->>'epoch')::integer
        AND b.window_start = (hold->>'start')::bigint FOR UPDATE;
    UPDATE bucket b SET settled = v_settled, touched_at = v_at, alert_state = CASE
        WHEN v_settled >= v_cap THEN 2 WHEN v_settled >= v_alert_at THEN 1 ELSE 0 END
    WHERE b.limit_id = hold->>'limit' AND b.value = found_counter.counter AND b.epoch = (hold->>'epoch')::integer
        AND b.window_start = (hold->>'start')::bigint;
    RETURN v_before;
END $$

-- next function

-- Renew the lease of a worker. Returns how many workers have a lease.
CREATE FUNCTION penstock_renew(call jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := coalesce((call->>'at')::bigint, penstock_now());
    v_until bigint := v_at + (call->>'lease')::bigint;
BEGIN
    INSERT INTO worker VALUES (call->>'worker', call->>'host', v_until)
    ON CONFLICT ON CONSTRAINT pk_worker DO UPDATE SET lease_until = excluded.lease_until;
    DELETE FROM worker w WHERE w.lease_until <= v_at;
    RETURN (SELECT count(*) FROM worker);
END $$

-- next function

-- Drop buckets that nobody needs, and reservations that were closed long ago. Returns how many buckets were dropped.
CREATE FUNCTION penstock_forget(call jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := coalesce((call->>'at')::bigint, penstock_now());
    v_most integer := call->>'most';
    needless bucket;
    dropped bigint := 0;
BEGIN
    FOR needless IN
        SELECT * FROM bucket b
        WHERE b.touched_at < v_at AND b.reserved = 0
            AND (b.ends < (call->>'ended_before')::bigint OR b.settled = 0 AND b.alert_state = 0)
            AND NOT EXISTS (
                SELECT 1 FROM rate_part p WHERE p.limit_id = b.limit_id AND p.value = b.value AND p.epoch = b.epoch
                    AND p.window_start = b.window_start AND p.ends > v_at)
            AND NOT EXISTS (
                SELECT 1 FROM reservation_item i WHERE i.limit_id = b.limit_id AND i.counter_value = b.value
                    AND i.epoch = b.epoch AND i.window_start = b.window_start)
        ORDER BY b.touched_at LIMIT v_most FOR UPDATE SKIP LOCKED
    LOOP
        -- Another transaction may have counted between the look and the lock: its commit shows now.
        CONTINUE WHEN EXISTS (
            SELECT 1 FROM reservation_item i WHERE i.limit_id = needless.limit_id
                AND i.counter_value = needless.value AND i.epoch = needless.epoch
                AND i.window_start = needless.window_start
        ) OR EXISTS (
            SELECT 1 FROM rate_part p WHERE p.limit_id = needless.limit_id AND p.value = needless.value
                AND p.epoch = needless.epoch AND p.window_start = needless.window_start AND p.ends > v_at);
        DELETE FROM rate_part p WHERE p.limit_id = needless.limit_id AND p.value = needless.value
            AND p.epoch = needless.epoch AND p.window_start = needless.window_start;
        DELETE FROM bucket b WHERE b.limit_id = needless.limit_id AND b.value = needless.value
            AND b.epoch = needless.epoch AND b.window_start = needless.window_start;
        IF needless.value <> '\xff' THEN
            UPDATE bucket_count c SET live = c.live - 1 WHERE c.limit_id = needless.limit_id
                AND c.epoch = needless.epoch AND c.window_start = needless.window_start;
        END IF;
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM bucket_count c WHERE c.live <= 0;
    DELETE FROM reservation_item i USING reservation r
    WHERE r.state = 'lost' AND r.closed_at < v_at - (call->>'lost_kept')::bigint
        AND i.request_id = r.request_id AND i.attempt = r.attempt;
    DELETE FROM reservation r WHERE r.state = 'lost' AND r.closed_at < v_at - (call->>'lost_kept')::bigint
        OR r.state = 'closed' AND r.closed_at < v_at - (call->>'closed_kept')::bigint;
    RETURN dropped;
END $$
