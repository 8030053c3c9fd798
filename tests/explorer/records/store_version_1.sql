BEGIN TRANSACTION;
CREATE TABLE benchmark_details (
	record_id VARCHAR(36) NOT NULL, 
	config TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	reasons TEXT NOT NULL, 
	samples_ms BLOB NOT NULL, 
	PRIMARY KEY (record_id), 
	FOREIGN KEY(record_id) REFERENCES benchmark_records (record_id) ON DELETE CASCADE
);
INSERT INTO "benchmark_details" VALUES('6ba7b810-9dad-11d1-80b4-00c04fd430c8','{"channels": [18, 36, 72, 144], "drop_path_rate": 0.1, "dw_conv": true}','{"flags": {"mkldnn": true}, "git_commit": null, "torch": "2.14.1"}','{"clock_mhz": "only measured on CUDA", "compile_time_s": "not compiled", "energy_mj_per_img": "only measured on CUDA", "other_processes": "only measured on CUDA", "peak_allocated_mib": "only measured on CUDA", "peak_reserved_mib": "only measured on CUDA", "power_w": "only measured on CUDA", "process_memory_mib": "only measured on CUDA", "temperature_c": "only measured on CUDA", "throttled": "only measured on CUDA"}',X'343333333333D33F00000000000000400C2E110000001040');
CREATE TABLE benchmark_records (
	record_id VARCHAR(36) NOT NULL, 
	status TEXT NOT NULL, 
	status_reason TEXT, 
	kind TEXT NOT NULL, 
	model_name TEXT NOT NULL, 
	model_source TEXT NOT NULL, 
	batch_size BIGINT NOT NULL, 
	img_height BIGINT NOT NULL, 
	img_width BIGINT NOT NULL, 
	device TEXT NOT NULL, 
	device_index BIGINT, 
	device_name TEXT, 
	device_uuid TEXT, 
	threads BIGINT, 
	precision TEXT NOT NULL, 
	memory_format TEXT NOT NULL, 
	compile_mode TEXT NOT NULL, 
	latency_ms_p50 DOUBLE, 
	latency_ms_p90 DOUBLE, 
	latency_ms_p95 DOUBLE, 
	latency_ms_p99 DOUBLE, 
	latency_ms_iqr DOUBLE, 
	latency_ms_p50_ci95_low DOUBLE, 
	latency_ms_p50_ci95_high DOUBLE, 
	throughput_img_s DOUBLE, 
	wide_spread BOOLEAN, 
	samples_count BIGINT NOT NULL, 
	params BIGINT, 
	macs BIGINT, 
	flops_published BIGINT, 
	flops_published_convention TEXT, 
	peak_allocated_mib DOUBLE, 
	peak_reserved_mib DOUBLE, 
	process_memory_mib DOUBLE, 
	peak_rss_mib DOUBLE, 
	compile_time_s DOUBLE, 
	achieved_flop_s DOUBLE, 
	peak_flop_s DOUBLE, 
	peak_flop_share DOUBLE, 
	energy_mj_per_img DOUBLE, 
	power_w DOUBLE, 
	clock_mhz DOUBLE, 
	temperature_c DOUBLE, 
	throttled BOOLEAN, 
	other_processes BIGINT, 
	hostname TEXT NOT NULL, 
	measured_at TEXT NOT NULL, 
	config_id VARCHAR(12) NOT NULL, 
	environment_id VARCHAR(12) NOT NULL, 
	PRIMARY KEY (record_id)
);
INSERT INTO "benchmark_records" VALUES('6ba7b810-9dad-11d1-80b4-00c04fd430c8','ok',NULL,'inference','hrformer_tiny','hrformer',8,256,192,'cpu',NULL,'Xeon',NULL,2,'fp32','contiguous','eager',2.0,3.0,3.5,4.0,0.1,1.9,2.1,4000.0,0,3,8035820,1830000000,1830000000,'HRFormer''s table',NULL,NULL,NULL,512.5,NULL,150000000000.0,1200000000000.0,0.125,NULL,NULL,NULL,NULL,NULL,NULL,'bench-1','2026-11-22T10:00:00.000000+00:00','8fe25a118864','f02127d88e3b');
CREATE TABLE benchmark_schema (
	version INTEGER NOT NULL
);
INSERT INTO "benchmark_schema" VALUES(1);
CREATE INDEX ix_benchmark_records_environment_id ON benchmark_records (environment_id);
CREATE INDEX ix_benchmark_records_config_id ON benchmark_records (config_id);
COMMIT;
