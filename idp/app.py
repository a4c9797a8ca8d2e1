"""The provider put together: the only file that knows everything."""

from flask import Flask
from flask_migrate import Migrate

from idp import cli, storage, web
from idp.flows import key_care
from idp.protocol.registry import Registry
from idp.runtime import chip, hsm, keyring, log
from idp.runtime.breached import Breached
from idp.runtime.clock import Clock, SystemClock
from idp.runtime.foreign_documents import ForeignDocuments
from idp.runtime.foreign_keys import ForeignKeys
from idp.runtime.gate import Gate
from idp.runtime.hash_slots import HashSlots
from idp.runtime.heads_file import HeadsFile
from idp.runtime.keyring import Keyring, StoredKeys
from idp.runtime.messages import Messages
from idp.runtime.metrics import Metrics
from idp.runtime.outbound import Outbound
from idp.runtime.runtime import Runtime
from idp.runtime.settings import ROOT, Settings, WrongSetting

_OTHER_MASTER_KEY = (
    "The master key that keys.master_key_file names does not open the keys of this database: put the key that belongs "
    "to it there, or name it in keys.previous_master_key_files."
)


def create_app(settings: Settings, *, clock: Clock | None = None, outbound: Outbound | None = None) -> Flask:
    """Build the application; raises WrongSetting when the settings or what they name cannot be used."""
    log.configure(settings.logging.level)
    app = Flask("idp", root_path=str(ROOT / "idp"), static_folder=None, template_folder="web/templates")
    app.config.update(storage.engine_config(settings.database))
    storage.db.init_app(app)
    with app.app_context():
        storage.prepare_engine()
    Migrate(app, storage.db, directory=str(ROOT / "migrations"), compare_type=True)
    runtime = _runtime(app, settings, clock or SystemClock(), outbound)
    app.extensions["idp"] = runtime
    with app.app_context():
        _refuse_unfit_store(runtime)
    web.mount(app, runtime, Registry(runtime))
    cli.add_commands(app, runtime)
    return app


def _runtime(app: Flask, settings: Settings, clock: Clock, outbound: Outbound | None) -> Runtime:
    masters = keyring.read_masters(
        settings.keys.master_key_file,
        settings.keys.previous_master_key_files,
        root=ROOT,
        development=not settings.is_production,
    )

    def load(ring: Keyring) -> StoredKeys:
        # Keys are read anew wherever they are used, which may be outside of any request.
        with app.app_context():
            with storage.once() as tx:
                stored = storage.keys.find_stored_keys(tx, ring)
            if stored is not None:
                return stored
            with storage.begin() as tx:
                return key_care.ensure_keys(tx, ring, clock.now())

    gate = Gate(settings.server.at_work, settings.server.under_way, settings.server.threads)
    door = outbound or Outbound(settings.outbound, log_exemptions=settings.is_production)
    return Runtime(
        settings=settings,
        clock=clock,
        keyring=Keyring(masters, clock, load, hsm.open_token(settings.keys, ROOT)),
        outbound=door,
        foreign_keys=ForeignKeys(door, clock, gate),
        foreign_documents=ForeignDocuments(door, gate),
        trust=chip.read_trust(settings.proofing.trust_store, ROOT),
        breached=Breached(settings.passwords.breach_file, ROOT),
        messages=Messages(settings.messages, door, ROOT),
        metrics=Metrics(settings.metrics.folder, ROOT),
        heads_file=HeadsFile(settings.log.heads_file, ROOT),
        gate=gate,
        hash_slots=HashSlots(settings.passwords.hash_slots, settings.passwords.hash_queue, gate),
    )


def _refuse_unfit_store(runtime: Runtime) -> None:
    """Refuse a database that may lose work or belongs to another master key; one that does not answer is waited for."""
    try:
        fault = storage.check_durable() if runtime.settings.is_production else None
        with storage.once() as tx:
            if fault is None and not storage.keys.are_opened_by(tx, runtime.keyring):
                fault = _OTHER_MASTER_KEY
    except storage.Unavailable:
        return
    if fault:
        storage.db.engine.dispose()
        raise WrongSetting(fault)
