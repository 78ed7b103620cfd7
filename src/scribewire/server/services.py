"""What every session of a server shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scribewire.runtime.observer import UNOBSERVED, Observer
from scribewire.server.readable import ReadableSessions
from scribewire.sources.shared.pulls import SharedPulls

if TYPE_CHECKING:
    from scribewire.cluster.membership import Cluster
    from scribewire.engines.engines import Engines
    from scribewire.keys.tokens import Tokens
    from scribewire.origins import AllowedOrigins
    from scribewire.protocol.policy import ServerPolicy
    from scribewire.runtime.admission import Admission
    from scribewire.runtime.residence import Residence
    from scribewire.runtime.scheduler import Scheduler
    from scribewire.server.attachment import Attachment
    from scribewire.server.draining import Draining
    from scribewire.server.journal_keeper import JournalKeeper
    from scribewire.server.kept_sessions import KeptSessions
    from scribewire.server.key_keeper import KeyKeeper
    from scribewire.server.vacancy import Vacancy
    from scribewire.server.waiting_room import WaitingRoom
    from scribewire.server.wrong_keys import WrongKeys
    from scribewire.settings import Settings
    from scribewire.sources.pulled import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One server's parts, and the clients that are on it."""

    settings: Settings
    """What the operator chose."""
    policy: ServerPolicy
    """What the protocol core must know: keys, languages, limits."""
    keys: KeyKeeper
    """The keys, their use and their sessions."""
    tokens: Tokens
    """Stand for keys for a while; `policy` knows both."""
    origins: AllowedOrigins
    """The pages that may use it."""
    wrong_keys: WrongKeys
    """Who has shown some, and has to wait."""
    engines: Engines
    """What the sessions of each language and mode are served by."""
    scheduler: Scheduler
    """Runs the engines."""
    admission: Admission
    """Whether one more session can be carried."""
    waiting_room: WaitingRoom
    """Who waits for that."""
    vacancy: Vacancy
    """Whether more should be sent here."""
    residence: Residence
    """Loads the models that are not in memory yet."""
    sources: Sources
    """Pulls the audio of stream mode."""
    draining: Draining
    """Whether and how the server is going down: then no new session is let in."""
    kept: KeptSessions
    """Sessions that outlive their connection."""
    pulls: SharedPulls = field(default_factory=SharedPulls)
    """Has sessions hear together what is the same."""
    journal: JournalKeeper | None = None
    """Writes down what becomes of sessions, if that was asked for."""
    cluster: Cluster | None = None
    """The other servers, if this is one of several."""
    shared_journal: JournalKeeper | None = None
    """Keeps what other servers can go on with, if there are any."""
    observer: Observer = UNOBSERVED
    """Is told what happens."""
    readable: ReadableSessions = field(default_factory=ReadableSessions)
    """The sessions that it carries, as they can be read along."""
    attachments: set[Attachment] = field(default_factory=set)
    """The clients that are being served."""

    @property
    def journals(self) -> tuple[JournalKeeper, ...]:
        """Where sessions are written down; what is found in the first is the latest."""
        kept = (self.shared_journal, self.journal)
        return tuple(one for one in kept if one is not None)
