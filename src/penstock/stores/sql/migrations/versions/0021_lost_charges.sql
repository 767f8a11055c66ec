-- Close reservations as lost that are too old, or whose worker is dead. Returns how many there were, the
-- alerts, and of what each budget in dollars was charged for which reservation, until the ledger is told of
-- it: such reservations have no closed_at (postgres_counters.py). One worker at a time does it.
CREATE OR REPLACE FUNCTION penstock_lose(call jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := coalesce((call->>'at')::bigint, penstock_now());
    dead reservation;
    item reservation_item;
    v_charge bigint;
    alerts jsonb := '[]';
    v_is_untold boolean;
    v_of jsonb;
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
        v_is_untold := false;
        FOR item IN
            SELECT * FROM reservation_item i WHERE i.request_id = dead.request_id AND i.attempt = dead.attempt
            ORDER BY i.limit_id COLLATE "C", i.value, i.epoch, i.window_start
        LOOP
            v_charge := CASE WHEN (item.definition::jsonb->>'is_budget')::boolean
                AND item.definition::jsonb->>'on_loss' = 'release' THEN 0 ELSE item.amount END;
            alerts := alerts || penstock_close(item, v_charge, 0, v_at);
            IF (item.definition::jsonb->>'is_budget')::boolean AND item.definition::jsonb->>'kind' = 'cost' THEN
                v_is_untold := true;
            END IF;
            UPDATE reservation_item i SET charged = v_charge
            WHERE i.request_id = item.request_id AND i.attempt = item.attempt AND i.limit_id = item.limit_id
                AND i.value = item.value AND i.epoch = item.epoch AND i.window_start = item.window_start;
        END LOOP;
        UPDATE reservation r SET state = 'lost', closed_at = CASE WHEN v_is_untold THEN NULL ELSE v_at END
        WHERE r.request_id = dead.request_id AND r.attempt = dead.attempt;
    END LOOP;
    SELECT coalesce(jsonb_agg(jsonb_build_array(
        i.request_id, i.attempt, i.limit_id, encode(i.counter_value, 'hex'), i.epoch, i.window_start, i.charged
    )), '[]') INTO v_of FROM (
        SELECT r.request_id, r.attempt FROM reservation r WHERE r.state = 'lost' AND r.closed_at IS NULL
        LIMIT (call->>'most')::integer
    ) untold JOIN reservation_item i USING (request_id, attempt)
    WHERE (i.definition::jsonb->>'is_budget')::boolean AND i.definition::jsonb->>'kind' = 'cost';
    RETURN jsonb_build_object('lost', lost, 'alerts', alerts, 'of', v_of);
END $$
