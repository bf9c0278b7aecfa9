-- Where people's apps reach a service: one address for each protocol, as text. And the domains whose people's apps are told that without
-- signing in.
CREATE TABLE service_servers (
    service_id TEXT NOT NULL REFERENCES services (id),
    address TEXT NOT NULL,
    PRIMARY KEY (service_id, address)
);
CREATE TABLE service_domains (
    service_id TEXT NOT NULL REFERENCES services (id),
    domain TEXT NOT NULL,
    PRIMARY KEY (service_id, domain)
);
