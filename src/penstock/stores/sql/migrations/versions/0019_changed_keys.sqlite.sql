-- Triggers that note in changed_key which gateway keys a change touches (schema/changed_keys.py). That a key was used
-- is no change of it.

CREATE TRIGGER api_key_made AFTER INSERT ON api_key BEGIN
    INSERT INTO changed_key (api_key_id) VALUES (NEW.id)
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER api_key_changed AFTER UPDATE ON api_key
WHEN NEW.last_used_at IS OLD.last_used_at OR NEW.row_version <> OLD.row_version BEGIN
    INSERT INTO changed_key (api_key_id) VALUES (NEW.id)
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER api_key_gone AFTER DELETE ON api_key BEGIN
    INSERT INTO changed_key (api_key_id) VALUES (OLD.id)
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER api_key_secret_made AFTER INSERT ON api_key_secret BEGIN
    INSERT INTO changed_key (api_key_id) VALUES (NEW.api_key_id)
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER api_key_secret_changed AFTER UPDATE ON api_key_secret BEGIN
    INSERT INTO changed_key (api_key_id) VALUES (NEW.api_key_id)
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER api_key_secret_gone AFTER DELETE ON api_key_secret BEGIN
    INSERT INTO changed_key (api_key_id) VALUES (OLD.api_key_id)
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER limit_made AFTER INSERT ON "limit" WHEN NEW.level = 'api_key' BEGIN
    INSERT INTO changed_key (api_key_id) VALUES (NEW.owner_id)
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER limit_changed AFTER UPDATE ON "limit" WHEN NEW.level = 'api_key' BEGIN
    INSERT INTO changed_key (api_key_id) VALUES (NEW.owner_id)
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER limit_gone AFTER DELETE ON "limit" WHEN OLD.level = 'api_key' BEGIN
    INSERT INTO changed_key (api_key_id) VALUES (OLD.owner_id)
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER config_renamed AFTER UPDATE OF slug ON config BEGIN
    INSERT INTO changed_key (api_key_id) SELECT id FROM api_key WHERE default_config_id = NEW.id
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER user_made AFTER INSERT ON "user" BEGIN
    INSERT INTO changed_key (api_key_id) SELECT id FROM api_key WHERE user_id = NEW.id
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER user_renamed AFTER UPDATE OF name ON "user" BEGIN
    INSERT INTO changed_key (api_key_id) SELECT id FROM api_key WHERE user_id = NEW.id
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END

-- next trigger

CREATE TRIGGER user_gone AFTER DELETE ON "user" BEGIN
    INSERT INTO changed_key (api_key_id) SELECT id FROM api_key WHERE user_id = OLD.id
    ON CONFLICT (api_key_id) DO UPDATE SET revision = NULL;
END
