-- Triggers that note in changed_key which gateway keys a change touches (schema/changed_keys.py). That a key was used
-- is no change of it.

CREATE FUNCTION penstock_note_key(id text) RETURNS void LANGUAGE sql VOLATILE AS $$
    INSERT INTO changed_key (api_key_id) VALUES (id) ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL
$$

-- next trigger

-- Of NEW and OLD, the one that an event does not have is null.
CREATE FUNCTION penstock_key_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM penstock_note_key(coalesce(NEW.id, OLD.id));
    RETURN NULL;
END
$$

-- next trigger

CREATE FUNCTION penstock_key_secret_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM penstock_note_key(coalesce(NEW.api_key_id, OLD.api_key_id));
    RETURN NULL;
END
$$

-- next trigger

CREATE FUNCTION penstock_key_limit_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(NEW.level, OLD.level) = 'api_key' THEN
        PERFORM penstock_note_key(coalesce(NEW.owner_id, OLD.owner_id));
    END IF;
    RETURN NULL;
END
$$

-- next trigger

CREATE FUNCTION penstock_key_config_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM penstock_note_key(k.id) FROM api_key k WHERE k.default_config_id = NEW.id;
    RETURN NULL;
END
$$

-- next trigger

CREATE FUNCTION penstock_key_user_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM penstock_note_key(k.id) FROM api_key k
    WHERE k.user_id = coalesce(NEW.id, OLD.id);
    RETURN NULL;
END
$$

-- next trigger

CREATE TRIGGER api_key_changed AFTER UPDATE ON api_key FOR EACH ROW
WHEN (NEW.last_used_at IS NOT DISTINCT FROM OLD.last_used_at OR NEW.row_version <> OLD.row_version)
EXECUTE FUNCTION penstock_key_changed()

-- next trigger

CREATE TRIGGER api_key_made AFTER INSERT OR DELETE ON api_key FOR EACH ROW
EXECUTE FUNCTION penstock_key_changed()

-- next trigger

CREATE TRIGGER api_key_secret_changed AFTER INSERT OR UPDATE OR DELETE ON api_key_secret FOR EACH ROW
EXECUTE FUNCTION penstock_key_secret_changed()

-- next trigger

CREATE TRIGGER limit_changed AFTER INSERT OR UPDATE OR DELETE ON "limit" FOR EACH ROW
EXECUTE FUNCTION penstock_key_limit_changed()

-- next trigger

CREATE TRIGGER config_renamed AFTER UPDATE OF slug ON config FOR EACH ROW
EXECUTE FUNCTION penstock_key_config_changed()

-- next trigger

CREATE TRIGGER user_changed AFTER INSERT OR DELETE OR UPDATE OF name ON "user" FOR EACH ROW
EXECUTE FUNCTION penstock_key_user_changed()
