-- Close reservations as lost that are too old, or whose worker is dead. Returns how many there were, the
-- alerts, and of what each budget in dollars was charged for which reservation. One worker at a time does it.
CREATE OR REPLACE FUNCTION penstock_lose(call jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_at bigint := coalesce((call->>'at')::bigint, penstock_now());
    dead reservation;
    item reservation_item;
    v_charge bigint;
    alerts jsonb := '[]';
    v_of jsonb := '[]';
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
            IF (item.definition::jsonb->>'is_budget')::boolean AND item.definition::jsonb->>'kind' = 'cost' THEN
                v_of := v_of || jsonb_build_array(jsonb_build_array(
                    item.request_id, item.attempt, item.limit_id, encode(item.counter_value, 'hex'), item.epoch,
                    item.window_start, v_charge
                ));
            END IF;
            UPDATE reservation_item i SET charged = v_charge
            WHERE i.request_id = item.request_id AND i.attempt = item.attempt AND i.limit_id = item.limit_id
                AND i.value = item.value AND i.epoch = item.epoch AND i.window_start = item.window_start;
        END LOOP;
        UPDATE reservation r SET state = 'lost', closed_at = v_at
        WHERE r.request_id = dead.request_id AND r.attempt = dead.attempt;
    END LOOP;
    RETURN jsonb_build_object('lost', lost, 'alerts', alerts, 'of', v_of);
END $$
